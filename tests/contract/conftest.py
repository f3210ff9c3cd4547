"""What is known of MinIO: it is tested where all of the matrix is run, and fails where no client could mend it."""

from pathlib import Path

import pytest

_MINIO = "test_minio.py"
_BY_WHOLE_KEY = "MinIO lists uploads by a whole key only, so that ListUploads is UNIMPLEMENTED there"
_KNOWN = {
    "test_metadata_to_its_limits": "MinIO counts the beginning of each header's name too",
    "test_every_key_is_kept_as_it_is": "MinIO takes a backslash for a slash",
    "test_an_upload_is_resumed": _BY_WHOLE_KEY,
    "test_an_upload_that_is_given_up": _BY_WHOLE_KEY,
    "test_uploads_are_listed": _BY_WHOLE_KEY,
}


@pytest.hookimpl
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """MinIO takes minutes to build: only `make acceptance` has it."""
    return True if collection_path.name == _MINIO and config.getoption("--matrix") != "whole" else None


@pytest.hookimpl
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is known to fail; what passes after all is a failure."""
    for item in items:
        name = item.name.partition("[")[0]
        if f"{_MINIO}::" in item.nodeid and name in _KNOWN:
            item.add_marker(pytest.mark.xfail(reason=_KNOWN[name], strict=True))
