"""What tests of the gateway share: a real instance to route to."""

from collections.abc import AsyncIterator

import pytest

from prism.plugins.discovery import discover
from prism.plugins.in_process import InProcess


@pytest.fixture
async def instance() -> AsyncIterator[InProcess]:
    """A memory backend that serves."""
    plugin = discover().found["memory"]
    instance = InProcess(plugin, plugin.config_model()(), plugin.credentials_model()())
    await instance.start()
    await instance.attach("default")
    instance.refusal = ""
    yield instance
    await instance.stop()
