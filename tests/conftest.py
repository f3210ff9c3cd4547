"""What every test may ask for."""

pytest_plugins = ["servers", "stock_clients", "prism.acceptance.pytest_plugin"]
