"""Publishing: what an instance's callers publish while a transaction is under way goes together in the next one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from prism.backends.postgres.lane import Call
from prism.backends.postgres.queue import statements
from prism.errors import AlreadyExists, Conflict, Outcome, PrismError, StoreFull, TopicNotFound
from prism.interfaces import queue as q
from prism.sdk.queue.calls import Outgoing, Published

Fetch = Callable[..., Awaitable[Sequence[Any]]]


class Publish(Call):
    """One message on its way."""

    __slots__ = ("create", "message", "namespace")

    def __init__(self, namespace: str, message: Outgoing, *, create: bool) -> None:
        super().__init__()
        self.namespace = namespace
        self.message = message
        self.create = create


class Publisher:
    """Publishes batches.

    Args:
        fetch: runs a statement.
        window: microseconds that an idempotency key is remembered.
        listener: who we are to those who tell of changes.
    """

    def __init__(self, fetch: Fetch, window: int, listener: int) -> None:
        self._fetch = fetch
        self._window = window
        self._listener = listener

    async def __call__(self, calls: Sequence[Publish], *, atomic: bool = False) -> list[Published | PrismError]:
        """What became of each; with `atomic` all are published, or an error is raised."""
        topics: dict[tuple[str, str], int] = {}
        of = [topics.setdefault((each.namespace, each.message.topic), len(topics) + 1) for each in calls]
        creates = dict(zip(of, (each.create for each in calls), strict=True))
        messages = [each.message for each in calls]
        keyed = any(each.idempotency_key for each in messages)
        try:
            rows = await self._fetch(
                statements.PUBLISH,
                [namespace.encode() for namespace, _ in topics],
                [name.encode() for _, name in topics],
                [creates[number] for number in topics.values()],
                of,
                *columns(messages),
                [each.idempotency_key.encode() or None for each in messages] if keyed else None,
                [each.fingerprint for each in messages] if keyed else None,
                self._window,
                atomic,
                self._listener,
            )
        except PrismError as error:
            name = [name for _, name in topics]
            raise refusal(error, name) from error
        places: dict[int, tuple[int, int]] = {}
        others: dict[int, Published | PrismError] = {}
        for status, n, number, base, ids in rows:
            if status == 0:
                places[n] = (number, base)
            elif status == 1:
                others[n] = Published(ids[0], duplicate=True)
            else:
                others[n] = _refused(status, messages[n - 1].topic)
        answers: list[Published | PrismError] = []
        for n, topic in enumerate(of, 1):
            if n in others:
                answers.append(others[n])
            else:
                number, last = places[topic]
                places[topic] = (number, last + 1)
                answers.append(Published(f"{number:x}-{last + 1:x}"))
        return answers


def columns(messages: Sequence[Outgoing]) -> Sequence[Sequence[Any]]:
    """The parameters that messages are, a list for each column."""
    return (
        [each.payload for each in messages],
        [q.Message(attributes=each.attributes).SerializeToString() if each.attributes else None for each in messages],
        [each.ordering_key.encode() or None for each in messages],
        [each.delay or None for each in messages],
        [each.deliver_at or None for each in messages],
        [each.ttl or None for each in messages],
        [each.size for each in messages],
        [each.traceparent or None for each in messages],
    )


_STATUS = {"PR002": 2, "PR003": 3, "PR004": 4, "PR005": 5}


def sqlstate(error: PrismError) -> str:
    """What the store said, or a function of the schema."""
    return str(getattr(error.__cause__, "sqlstate", "") or "")


def refusal(error: PrismError, topics: Sequence[str]) -> PrismError:
    """The error of a function that publishes all or nothing: its conditions say why; another error stays what it is."""
    status = _STATUS.get(sqlstate(error))
    if status is None:
        return error
    said = str(error.__cause__)
    return _refused(status, topics[int(said) - 1] if said.isdecimal() and int(said) else "")


def _refused(status: int, topic: str) -> PrismError:
    match status:
        case 2:
            return AlreadyExists(
                "the idempotency_key was used for something else; use another key", outcome=Outcome.NOT_APPLIED
            )
        case 3:
            return TopicNotFound(
                f"topic {topic!r} does not exist, and topics of this namespace do not make themselves",
                outcome=Outcome.NOT_APPLIED,
            )
        case 4:
            return StoreFull(
                f"topic {topic!r} holds as many bytes as it may; acknowledge some, or raise max_bytes",
                outcome=Outcome.NOT_APPLIED,
            )
    return Conflict(f"topic {topic!r} was deleted meanwhile: try again", outcome=Outcome.NOT_APPLIED, retry_after=0.1)
