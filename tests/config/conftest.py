"""Fixtures of the tests of the configuration."""

from pathlib import Path

import pytest

from config.file import File


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A configuration file."""
    return File(tmp_path)
