"""What every test may ask for, and which tests stay together where several processes share the work."""

import pytest

pytest_plugins = ["oidc_server", "servers", "stock_clients", "prism.acceptance.pytest_plugin"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A module's tests share its servers, so one worker has them all; the kit's tests have groups of their own."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
