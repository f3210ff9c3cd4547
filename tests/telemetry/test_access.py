"""The access log."""

import logging

import pytest

from prism.telemetry.access import AccessLog
from prism.telemetry.metrics import Metrics
from prism.wire.status import Code


def test_a_line_for_every_call(caplog: pytest.LogCaptureFixture) -> None:
    """A call is logged with namespace, operation, status and time, and is counted all the same."""
    metrics = Metrics()
    recorder = AccessLog(metrics)
    with caplog.at_level(logging.INFO):
        recorder.begin("prism.data.v1.KeyValue/Get")
        assert metrics.in_flight() == {"prism.data.v1.KeyValue/Get": 1}
        recorder.end("profiles", "prism.data.v1.KeyValue/Get", Code.NOT_FOUND, 0.0123456)
    (record,) = caplog.records
    fields = vars(record)
    assert (fields["namespace"], fields["status"], fields["milliseconds"]) == ("profiles", "NOT_FOUND", 12.346)
    (totals,) = metrics.totals()
    assert totals.codes[Code.NOT_FOUND] == 1
