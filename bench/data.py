"""The data that every contestant reads: 100,000 records with one item of 100 bytes, at random."""

import asyncio
import random
from collections.abc import Iterator

from prism.client import Client

RECORDS = 100_000
KEY = b"value"
VALUE = b"x" * 100
BATCH = 500


def record(number: int) -> str:
    """The id of a record."""
    return f"record-{number:06}"


def any_record() -> str:
    """The id of one of the records, at random."""
    return record(int(random.random() * RECORDS))


async def fill(address: str, namespace: str, token: str | None = None) -> None:
    """Writes all records through a gateway."""
    async with Client(address, timeout=60, token=token) as prism:
        keyvalue = prism.keyvalue(namespace)
        batches = iter(range(0, RECORDS, BATCH))

        async def writer(starts: Iterator[int]) -> None:
            for start in starts:
                writes = {record(number): {KEY: VALUE} for number in range(start, start + BATCH)}
                results = await keyvalue.batch_put(writes)
                failed = [result.error for result in results.values() if result.error is not None]
                if failed:
                    raise failed[0]

        await asyncio.gather(*(writer(batches) for _ in range(4)))
