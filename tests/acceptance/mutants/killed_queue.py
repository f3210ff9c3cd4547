"""The sqlite plugin with a queue that loses something when it is killed, as a process to be run as a sidecar.

Its argument says what: `dead` takes a dead letter from its group, and brings it to its topic a moment later; `settles`
confirms what it has not stored yet; `commit` acknowledges, and publishes a moment later.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any

from prism.backends.sqlite import backend
from prism.context import Context
from prism.host import main
from prism.sdk.queue import RowStore
from prism.sdk.queue.calls import Lease, Outgoing, Settlement, Verb
from prism.sdk.queue.rows import Rows

MOMENT = 0.2
_LATER: set["asyncio.Task[Any]"] = set()


def later(work: Any) -> None:
    """Does it in a moment, unless it is killed before."""

    async def do() -> None:
        await asyncio.sleep(MOMENT)
        await work

    task = asyncio.create_task(do())
    _LATER.add(task)
    task.add_done_callback(_LATER.discard)


class LosesDeadLetters(RowStore):
    """A letter is between the two places for a moment."""

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        letters: list[Outgoing] = []
        publish = self._engine._publish  # a mutant reaches in

        def keep(rows: Rows, now: int, namespace: str, each: Outgoing, *, create: bool) -> Any:
            if each.topic == "graves":
                letters.append(each)
                return None
            return publish(rows, now, namespace, each, create=create)

        self._engine._publish = keep  # type: ignore[method-assign]  # as above
        try:
            return await super().settle(context, topic, group, settlements)
        finally:
            self._engine._publish = publish  # type: ignore[method-assign]  # as above
            if letters:
                later(self.publish(Context(context.namespace), letters, create=True))


class SettlesBeforeStoring(RowStore):
    """An acknowledgement is confirmed before it is stored."""

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        if topic == "ack" and all(each.verb is Verb.ACKNOWLEDGE for each in settlements):
            later(super().settle(Context(context.namespace), topic, group, settlements))
            return [0.0] * len(settlements)
        return await super().settle(context, topic, group, settlements)


class CommitsInTwoSteps(RowStore):
    """What a commit publishes comes a moment after what it acknowledges."""

    async def commit(
        self, context: Context, topic: str, group: str, leases: Sequence[Lease], messages: Sequence[Outgoing],
        *more: Any, **named: Any,
    ) -> list[str]:  # fmt: skip
        ids = await super().commit(context, topic, group, leases, (), *more, **named)
        later(self.publish(Context(context.namespace), messages, create=True))
        return ids


MUTANTS: dict[str, Callable[..., RowStore]] = {
    "dead": LosesDeadLetters, "settles": SettlesBeforeStoring, "commit": CommitsInTwoSteps,
}  # fmt: skip

if __name__ == "__main__":
    backend.RowStore = MUTANTS[sys.argv.pop()]  # type: ignore[misc, assignment]  # the class is what the mutant changes
    main()
