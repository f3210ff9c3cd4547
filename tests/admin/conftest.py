"""Fixtures of the tests of the admin port."""

from collections.abc import Iterator

import pytest

import gateways
from admin.port import AdminPort, opened
from control.conftest import fresh_stores

__all__ = ["fresh_stores", "port"]

SECRET = "hunter2"


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminPort]:
    """The admin port of a gateway whose configuration no test changes; its namespace `lost` has no store."""
    folder = tmp_path_factory.mktemp("admin")
    lost = gateways.namespace("lost", "postgres", host="127.0.0.1", port=1)
    lost |= {"credentials": {"username": "prism", "password": SECRET}}
    kept = gateways.namespace("kept", "sqlite", path=str(folder / "kept.db"))
    with opened({"namespaces": [gateways.namespace("default", "memory"), lost, kept]}, folder) as port:
        yield port
