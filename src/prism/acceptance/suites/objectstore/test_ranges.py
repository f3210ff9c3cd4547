"""Rule 12: which bytes of an object a Get gives. Source: RFC 9110, 14."""

from typing import Any

import pytest

from prism.acceptance.suites.objectstore.dsl import Objects, pattern
from prism.errors import ConditionNotMet, RangeNotSatisfiable
from prism.interfaces import objectstore as o

SIZE = 10_000
RANGES = [
    pytest.param({"range": o.Range(offset=0, length=500)}, (0, 500), id="the first 500 bytes"),
    pytest.param({"range": o.Range(offset=500, length=500)}, (500, 1000), id="the second 500 bytes"),
    pytest.param({"suffix": 500}, (9500, 10_000), id="the final 500 bytes"),
    pytest.param({"range": o.Range(offset=9500)}, (9500, 10_000), id="from 9500 on"),
    pytest.param({"range": o.Range(offset=0, length=1)}, (0, 1), id="the first byte"),
    pytest.param({"range": o.Range(offset=9999, length=1)}, (9999, 10_000), id="the last byte"),
    pytest.param({"suffix": 1}, (9999, 10_000), id="the last byte as a suffix"),
    pytest.param({"range": o.Range(offset=9500, length=1000)}, (9500, 10_000), id="behind the end"),
    pytest.param({"range": o.Range(offset=0, length=(1 << 64) - 1)}, (0, 10_000), id="far behind the end"),
    pytest.param({"suffix": 20_000}, (0, 10_000), id="a suffix longer than the object"),
    pytest.param({"range": o.Range()}, (0, 10_000), id="from the beginning to the end"),
]


@pytest.mark.parametrize(("asked", "bounds"), RANGES)
async def test_a_range_is_exact(objects: Objects, asked: dict[str, Any], bounds: tuple[int, int]) -> None:
    """CONTRACT, ObjectStore 12: a range gives exactly its bytes; one that ends behind the end is cut."""
    data = pattern(SIZE)
    await objects.put("k", data)
    got = await objects.get("k", **asked)
    assert got.data == data[slice(*bounds)]
    assert (got.head.range.offset, got.head.range.length) == (bounds[0], bounds[1] - bounds[0])
    assert got.object.size == SIZE


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"range": o.Range(offset=SIZE, length=1)}, id="at the end"),
        pytest.param({"range": o.Range(offset=SIZE)}, id="from the end on"),
        pytest.param({"range": o.Range(offset=1 << 62, length=5)}, id="far behind the end"),
        pytest.param({"suffix": 0}, id="a suffix of nothing"),
    ],
)
async def test_a_range_of_no_byte(objects: Objects, asked: dict[str, Any]) -> None:
    """CONTRACT, ObjectStore 12: a range that begins behind the end is OUT_OF_RANGE, with the object's size."""
    await objects.put("k", pattern(SIZE))
    error = await objects.refuses(RangeNotSatisfiable, objects.get("k", **asked), "RANGE_NOT_SATISFIABLE")
    assert error.metadata["size"] == f"{SIZE}"


async def test_a_range_of_an_empty_object(objects: Objects) -> None:
    """CONTRACT, ObjectStore 12: every range of an empty object is OUT_OF_RANGE."""
    await objects.put("k", b"")
    for asked in ({"range": o.Range()}, {"suffix": 5}, {"range": o.Range(offset=0, length=1)}):
        error = await objects.refuses(RangeNotSatisfiable, objects.get("k", **asked))
        assert error.metadata["size"] == "0"
    assert (await objects.get("k")).data == b""


async def test_a_range_of_the_object_that_is_meant(objects: Objects) -> None:
    """CONTRACT, ObjectStore 12: with `if_range` the range counts only where the object has that etag."""
    etag = (await objects.put("k", pattern(SIZE))).etag
    part = o.Range(offset=10, length=5)
    assert (await objects.get("k", range=part, if_range=etag)).data == pattern(SIZE)[10:15]
    whole = await objects.get("k", range=part, if_range="another")
    assert whole.data == pattern(SIZE)
    assert not whole.head.HasField("range")
    behind = o.Range(offset=SIZE + 1)
    assert (await objects.get("k", range=behind, if_range="another")).data == pattern(SIZE)


async def test_conditions_come_before_ranges(objects: Objects) -> None:
    """CONTRACT, ObjectStore 12: a missing object comes before conditions, and conditions before ranges."""
    etag = (await objects.put("k", b"x")).etag
    behind = o.Range(offset=5)
    assert not (await objects.get("missing", range=behind)).head.found
    await objects.refuses(ConditionNotMet, objects.get("k", range=behind, if_match=["another"]))
    assert not (await objects.get("k", range=behind, if_none_match=[etag])).head.modified


async def test_ranges_over_chunks(objects: Objects) -> None:
    """CONTRACT, ObjectStore 12: a range begins and ends anywhere, whatever the chunks were."""
    data = pattern(700_000)
    await objects.put("k", data)
    for edge in (65_536, 131_072, 262_144, 524_288):
        for offset in (edge - 1, edge, edge + 1):
            for length in (1, 2, 65_536, 300_000):
                got = await objects.get("k", range=o.Range(offset=offset, length=length))
                assert got.data == data[offset : offset + length]
