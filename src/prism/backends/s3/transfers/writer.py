"""Puts objects: in one piece, or by parts, some of which are sent while the next one is filled.

Nothing is there under the key before all of it has come and was compared with what its sender says of it: a piece is
sent behind that, and parts are completed behind that.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prism.backends.s3.client import S3Client
from prism.backends.s3.config import S3Config
from prism.backends.s3.properties import etag, to_s3, version
from prism.backends.s3.transfers.body import Body, StreamedBody
from prism.backends.s3.transfers.budget import Budget
from prism.backends.s3.transfers.conditional import Condition, Conditional, marked
from prism.backends.s3.transfers.multipart import Multipart
from prism.backends.s3.transfers.parts import MAX_BUFFERED, Cut
from prism.backends.s3.transfers.pieces import Pieces
from prism.interfaces.objectstore import Properties

_UNRESERVED: Final = 256 << 10
"""Bytes of an object of unknown size that count as what flow control needs."""
_PARTS_END: Final = 2.0
"""Seconds in which parts under way may arrive before the upload that they are of is ended."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored."""

    etag: str
    version: str
    size: int


class Writer:
    """What stores objects in one bucket.

    Attributes:
        transfers: objects that are on their way now.
    """

    def __init__(
        self, client: S3Client, config: S3Config, budget: Budget, conditional: Conditional, multipart: Multipart
    ) -> None:
        self._client = client
        self._config = config
        self._budget = budget
        self._conditional = conditional
        self._multipart = multipart
        self.transfers = 0

    async def put(
        self,
        key: str,
        pieces: Pieces,
        properties: Properties,
        condition: Condition,
        *,
        size: int | None,
        sha256: Callable[[], bytes],
    ) -> Stored:
        """Stores one object.

        Args:
            key: in the bucket.
            pieces: its content; it raises where that is not what its sender says.
            properties: of it.
            condition: when it is stored.
            size: of it, where it is known.
            sha256: of it; called when all pieces have come.

        Raises:
            ConditionNotMet: the condition does not hold.
            S3Error: S3 refused it, or did not answer.
        """
        cut = Cut(size, self._config.part_size)
        self.transfers += 1
        try:
            if size is not None and size > cut.part(1):
                return await self._by_parts(key, pieces, properties, condition, cut, None)
            piece = await self._piece(pieces, cut.part(1), size)
            try:
                if piece.kept and await pieces.more():
                    return await self._by_parts(key, pieces, properties, condition, cut, piece)
                return await self._whole(key, piece.body, properties, condition, sha256)
            finally:
                piece.release()
        finally:
            self.transfers -= 1

    async def _whole(
        self, key: str, body: Body, properties: Properties, condition: Condition, sha256: Callable[[], bytes]
    ) -> Stored:
        token = secrets.token_hex(8)
        parameters = self._multipart.kept(to_s3(properties, token))
        if self._config.checksums != "none" and not isinstance(body, StreamedBody):
            parameters["ChecksumSHA256"] = base64.b64encode(sha256()).decode()  # kept, and given with the object

        async def put(given: Mapping[str, Any]) -> Mapping[str, Any]:
            return await self._client.ask("put_object", body=body, Key=key, **parameters, **given)

        answer = await self._conditional.write(key, condition, marked(token), put)
        return Stored(etag(answer), version(answer), len(body))

    async def _by_parts(
        self, key: str, pieces: Pieces, properties: Properties, condition: Condition, cut: Cut, first: "_Piece | None"
    ) -> Stored:
        if condition.created is not None:
            await self._conditional.check(key, condition)
        token = secrets.token_hex(8)
        upload = await self._multipart.begin(key, to_s3(properties, token))
        try:
            parts, size = await self._send_parts(key, upload, pieces, cut, first)
            answer = await self._multipart.complete(key, upload, parts, condition, marked(token))
        except BaseException:
            await self._multipart.abort(key, upload)
            raise
        return Stored(etag(answer), version(answer), size)

    async def _send_parts(
        self, key: str, upload: str, pieces: Pieces, cut: Cut, piece: "_Piece | None"
    ) -> tuple[list[Mapping[str, Any]], int]:
        """Sends parts until none are left; what completing names, and the size of all."""
        parts: list[Mapping[str, Any]] = []
        sending: set[asyncio.Task[None]] = set()
        size, number = 0, 1

        async def send(number: int, body: Body) -> None:
            parts.append(await self._multipart.put_part(key, upload, number, body))

        try:
            piece = piece or await self._piece(pieces, cut.part(1), cut.size)
            while True:
                parallel = self._config.parallel_parts if len(piece.body) <= self._config.part_size else 1
                while len(sending) >= parallel:
                    done, sending = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                    for each in done:
                        each.result()
                size += len(piece.body)
                task = asyncio.create_task(send(number, piece.body))
                task.add_done_callback(piece.released)
                sending.add(task)
                if not piece.kept:
                    await asyncio.wait((task,))  # what follows comes from the same source
                if not await pieces.more():
                    break
                number += 1
                left = None if cut.size is None else max(1, cut.size - size)
                piece = await self._piece(pieces, cut.part(number), left)
            await asyncio.gather(*sending)
        except BaseException:
            try:
                if sending and (piece is None or piece.kept):
                    await asyncio.wait(sending, timeout=_PARTS_END)  # late, one would bring the upload back
            finally:  # cancelled once more, too
                for each in sending:
                    each.cancel()
                if piece is not None:
                    piece.release()
                await asyncio.gather(*sending, return_exceptions=True)
            raise
        return sorted(parts, key=lambda part: int(part["PartNumber"])), size

    async def put_part(self, key: str, upload: str, number: int, pieces: Pieces, size: int | None) -> Mapping[str, Any]:
        """Sends what comes as one part; what completing names it by.

        Raises:
            S3Error: S3 refused it, or did not answer.
        """
        self.transfers += 1
        try:
            piece = await self._piece(pieces, MAX_BUFFERED if size is None else size, size)
            try:
                if piece.kept:
                    await pieces.more()  # what the sender says of the whole, before any of it is sent
                return await self._multipart.put_part(key, upload, number, piece.body)
            finally:
                piece.release()
        finally:
            self.transfers -= 1

    async def _piece(self, pieces: Pieces, length: int, left: int | None) -> "_Piece":
        """The next so many bytes, or those that are left.

        They are kept, so that they can be sent again. Where they are too many, or memory is short, they are passed,
        which needs that their number is known.
        """
        if left is not None:
            length = min(length, left)
            if length > MAX_BUFFERED or not self._budget.take_now(length):
                return _Piece(StreamedBody(pieces.flow(length), length), self._budget, 0)
            reserved, kept = length, []
        else:
            reserved, kept = 0, await pieces.take(min(_UNRESERVED, length))
        try:
            if left is None and await pieces.more():
                await self._budget.take(length)
                reserved = length
            kept += await pieces.take(length - sum(map(len, kept)))
        except BaseException:
            self._budget.give(reserved)
            raise
        return _Piece(Body(kept, sum(map(len, kept))), self._budget, reserved)


class _Piece:
    """What one request carries, and the memory that was taken for it."""

    def __init__(self, body: Body, budget: Budget, reserved: int) -> None:
        self.body = body
        self._budget = budget
        self._reserved = reserved

    @property
    def kept(self) -> bool:
        """Whether all of it is in memory."""
        return not isinstance(self.body, StreamedBody)

    def released(self, _: object) -> None:
        """The request has ended."""
        self.release()

    def release(self) -> None:
        """Gives the memory back; once."""
        reserved, self._reserved = self._reserved, 0
        self._budget.give(reserved)
        if self.kept:
            self.body.pieces = ()
