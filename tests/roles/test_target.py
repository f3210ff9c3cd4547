"""What a relay makes of a target's answers to a batch."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from prism.client import Client, Published
from prism.client.transact import MailboxMessage
from prism.errors import InvalidArgument, PrismError, Unimplemented
from prism.roles.target import Failed, Refused, Target


def mail(number: int, key: str) -> MailboxMessage:
    """A message of a mailbox."""
    return MailboxMessage(number, str(number), key, b"%d" % number, {}, datetime.now(UTC), "")


async def test_what_comes_behind_a_failure_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the target says of it: it would be set aside, though its turn comes when the one before has had its."""
    async with Client("127.0.0.1:1") as client:
        target = Target(client, "queue", "work", "t", refused_holds=False)

        async def send(messages: Sequence[Any]) -> list[PrismError | None]:
            return [None if each.ordering_key == "other" else InvalidArgument("no") for each in messages]

        monkeypatch.setattr(target, "_send", send)
        results = await target.send([mail(1, "k"), mail(2, "k"), mail(3, "other"), mail(4, ""), mail(5, "")])
    assert [type(each) for each in results] == [Refused, Failed, type(None), Refused, Refused]


async def test_a_batch_goes_as_a_whole_where_the_queue_takes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one they would stand in the order of their keys alone, and a half of them after a failure."""
    asked: list[bool] = []
    async with Client("127.0.0.1:1") as client:
        target = Target(client, "queue", "work", "t", refused_holds=False)

        async def publish(outgoing: Sequence[Any], *, atomic: bool) -> list[Published]:
            asked.append(atomic)
            if atomic and len(asked) > 2:
                raise Unimplemented("no", capability="atomic_publish")
            return [Published(each.idempotency_key) for each in outgoing]

        monkeypatch.setattr(target._queue, "publish_batch", publish)
        for messages in (
            [mail(1, "a"), mail(2, "b")],
            [mail(3, "a")],
            [mail(4, "a"), mail(5, "b")],
            [mail(6, "a")] * 2,
        ):
            assert await target.send(messages) == [None] * len(messages)
    assert asked == [True, False, True, False, False]
