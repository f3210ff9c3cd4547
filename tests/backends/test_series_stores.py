"""The embedded stores of TimeSeries, where the way to a defect is closed to callers of the whole service."""

from pathlib import Path

import pytest

from prism.backends.memory.timeseries.functions import value_of
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.context import Context
from prism.errors import StreamNotFound
from prism.interfaces.timeseries import FunctionName
from prism.interfaces.value import Kind, Value
from prism.sdk import NoCredentials
from prism.sdk.timeseries import Batch, Function, Row, Selection, StreamConfig, StreamField


def test_a_deviation_beyond_doubles() -> None:
    """Is infinite, as the sum is; not an error."""
    field = StreamField(0, "x", Kind.DOUBLE)
    rows = [Row(n, "", (Value(double=each),), b"") for n, each in enumerate((1e200, -1e200))]
    name = FunctionName.TIME_SERIES_FUNCTION_NAME_STDDEV
    assert value_of(Function(name, field), rows) == Value(double=float("inf"))


async def test_events_of_another_stream_of_that_name_stay(tmp_path: Path) -> None:
    """What was meant for a stream that is gone removes nothing from the one that has its name now."""
    backend = SqliteBackend(SqliteConfig.model_validate({"path": tmp_path / "prism.db"}), NoCredentials())
    await backend.start()
    try:
        store, context = backend._series.store, Context("n")
        old, _ = await store.create(context, "s", StreamConfig())
        await store.delete(context, "s")
        new, _ = await store.create(context, "s", StreamConfig())
        await store.append(context, new, Batch([Row(1, "a", (), b"")]))
        with pytest.raises(StreamNotFound):
            await store.delete_events(context, old, Selection())
        assert await store.delete_events(context, new, Selection()) == 1
    finally:
        await backend.stop()
