"""An answer of ClickHouse as it comes, and the errors that come in the middle of it.

ClickHouse has said 200 when a statement fails late. Servers from 25.11 on name a tag in the head, and write the error
between marks with that tag; those before write its text behind the rows. So the end of an answer is looked at before
it counts as rows.

Source: ClickHouse's documentation, "HTTP interface", "Exception handling".
"""

import asyncio
import json
import re
from typing import Final

import aiohttp

from prism.backends.clickhouse.errors import ServerError, Unreachable
from prism.errors import DeadlineExceeded

STOPPED: Final = "the deadline passed, and the statement was stopped"

HELD_BACK: Final = 16 << 10
"""Bytes at the end that are looked at first: an error has as many at most."""
_MARK: Final = "__exception__\r\n"
_LATE: Final = re.compile(rb"Code: (\d+)\. DB::Exception: [^\0]{1,16000}\n?\Z", re.DOTALL)


class Answer:
    """One answer.

    Args:
        response: of the driver.
        until: the loop's time at which all of it must have come.

    Attributes:
        buffer: what has come and was not taken.
        ended: all of it has come.
        format: of its rows, as ClickHouse says.
        written: rows that the statement wrote.
    """

    def __init__(self, response: aiohttp.ClientResponse, until: float) -> None:
        self.buffer = bytearray()
        self.ended = False
        self.format = response.headers.get("X-ClickHouse-Format", "")
        self.written = _written(response.headers.get("X-ClickHouse-Summary", ""))
        self._response = response
        self._until = until
        self._tag = response.headers.get("X-ClickHouse-Exception-Tag", "")

    @property
    def safe(self) -> int:
        """So many bytes of the buffer are rows for certain."""
        return len(self.buffer) if self.ended else max(0, len(self.buffer) - HELD_BACK)

    async def read(self) -> None:
        """Waits for more of it.

        Raises:
            ServerError: it ended with an error.
            Unreachable: it was cut off.
            DeadlineExceeded: it did not come in time.
        """
        try:
            async with asyncio.timeout_at(self._until):
                chunk = await self._response.content.readany()
        except TimeoutError as error:
            raise DeadlineExceeded(STOPPED) from error
        except (aiohttp.ClientError, OSError) as error:
            self._look()
            raise Unreachable(f"the answer was cut off: {error}", sent=True) from error
        if chunk:
            self.buffer += chunk
            return
        self._look()
        self.ended = True

    async def read_all(self) -> None:
        """Waits for all of it. Raises as `read`."""
        while not self.ended:
            await self.read()

    def _look(self) -> None:
        """Raises the error that the answer ended with."""
        end = bytes(self.buffer[-HELD_BACK:])
        if self._tag:
            _, found, said = end.partition(f"{_MARK}{self._tag}".encode())
            if not found:
                return
            text = said.decode(errors="replace").strip()
        elif (late := _LATE.search(end)) is not None:
            text = late[0].decode(errors="replace")
        else:
            return
        code = re.search(r"Code: (\d+)", text)
        raise ServerError(int(code[1]) if code else 0, text)


def _written(summary: str) -> int:
    try:
        return int(json.loads(summary or "{}").get("written_rows", 0))
    except (ValueError, AttributeError):
        return 0
