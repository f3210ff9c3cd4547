"""What a relay makes of a target's answers to a batch."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from prism.client import Client
from prism.client.transact import MailboxMessage
from prism.errors import InvalidArgument, PrismError
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
