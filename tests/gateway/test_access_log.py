"""The access log."""

import logging

import pytest

from gateway.data_path import MALFORMED, PUT, SERVICE, call, data_path
from prism.errors import InvalidArgument
from prism.gateway.observers.access_log import AccessLog


async def test_a_line_for_every_call(caplog: pytest.LogCaptureFixture) -> None:
    """A call is logged with namespace, operation, status, time and, where it failed, the reason."""
    with caplog.at_level(logging.INFO, logger="prism.access"):
        async with data_path("profiles") as gateway:
            gateway.observe([AccessLog()])
            await call(gateway, "Put", PUT, "profiles")
            with pytest.raises(InvalidArgument):
                await call(gateway, "Get", MALFORMED, "profiles")
    good, bad = (vars(record) for record in caplog.records if record.name == "prism.access")
    assert (good["namespace"], good["operation"], good["status"]) == ("profiles", f"{SERVICE}/Put", "OK")
    assert good["milliseconds"] > 0
    assert "reason" not in good
    assert (bad["status"], bad["reason"]) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
