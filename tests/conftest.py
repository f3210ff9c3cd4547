"""What every test may ask for."""

pytest_plugins = ["oidc_server", "servers", "stock_clients", "prism.acceptance.pytest_plugin"]
