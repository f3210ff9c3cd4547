"""Group commit: writes that wait together share a transaction, and so the lock of a shard and one sync of the disk.

They run one after the other, and the messages of all of them come last, as those of one would. What fails as a whole
is written one by one. Where refusals are frequent each has a savepoint, so that one that is refused harms no other:
that costs a round trip for each.
"""

from collections.abc import Sequence

from prism.backends.postgres.lane import Call
from prism.backends.postgres.transact.transaction import Placed, Transaction, numbered, unnumbered
from prism.errors import AlreadyExists, Outcome, PrismError
from prism.interfaces.transact import WriteResponse
from prism.sdk.transact import Work


class WriteCall(Call):
    """A write that waits: its namespace, what it asks for, and where its messages go."""

    __slots__ = ("placed", "space", "work")

    def __init__(self, namespace: str, work: Work, placed: Sequence[Placed]) -> None:
        super().__init__()
        self.space = namespace.encode()
        self.work = work
        self.placed = placed


async def write_group(
    transaction: Transaction, calls: Sequence[WriteCall], *, apart: bool
) -> list[WriteResponse | Exception]:
    """Writes all of them and commits; of each its answer or its refusal.

    Args:
        transaction: has begun.
        calls: what is written.
        apart: each in a savepoint; else what one is refused for is raised.

    Raises:
        PrismError: all of it failed.
        Exception: what the driver raises.
    """
    answers: list[WriteResponse | Exception] = []
    written: list[tuple[WriteCall, WriteResponse]] = []
    for call in calls:
        if apart and (call.work.data or call.work.key):
            await transaction.connected.connection.execute("SAVEPOINT write")
        try:
            answer = await _rows(transaction, call)
        except PrismError as refusal:
            refusal.outcome = refusal.outcome or Outcome.NOT_APPLIED  # COMMIT was not sent; the others go one by one
            if not apart:
                raise
            await transaction.connected.connection.execute("ROLLBACK TO write")
            answers.append(refusal)
            continue
        answers.append(answer)
        if not answer.duplicate:
            written.append((call, answer))
    if written:
        placed = [each for call, _ in written for each in call.placed]
        sequences = iter(await transaction.append(placed))
        for call, answer in written:
            numbered(answer, [next(sequences) for _ in call.placed])
        await transaction.remember(
            [(call.space, call.work.key, call.work.fingerprint, answer) for call, answer in written if call.work.key]
        )
        await transaction.connected.commit()
    return answers


async def _rows(transaction: Transaction, call: WriteCall) -> WriteResponse:
    """Changes the rows of one of them; or its answer of before."""
    work = call.work
    if work.key and (known := await transaction.recall(work.key, call.space)) is not None:
        fingerprint, answer = known
        if fingerprint != work.fingerprint:
            raise AlreadyExists(
                "the idempotency_key was used for another request; use another key", outcome=Outcome.NOT_APPLIED
            )
        answer.duplicate = True
        return answer
    results = [await transaction.change(data, f"data[{n}]") for n, data in enumerate(work.data)]
    return unnumbered(results, call.placed)
