"""What becomes of deliveries, through whichever gateway: JetStream is told by the subject that the lease holds.

JetStream does not say whether a message was still pending. A lease is taken for lost where its time is over by this
gateway's clock, where this gateway or a record knows how it ended, and, but for acknowledgements, where all that came
before it is done.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prism.backends.nats.queue.held import Holding, now
from prism.backends.nats.queue.leases import Delivered
from prism.backends.nats.queue.space import TERM, Member, Space, beyond, until
from prism.backends.nats.queue.state import Record
from prism.errors import BackendUnavailable, Outcome
from prism.sdk.driver_errors import LATER
from prism.sdk.queue.calls import Lease, Settlement, Verb
from prism.sdk.queue.deliveries import JITTER
from prism.sdk.queue.rows import GroupConfig

ACK: Final = b"+ACK"
NAK: Final = b"-NAK"
_AGAIN: Final = 60_000


@dataclass(slots=True)
class Case:
    """One lease that is to be settled, and what is known of it."""

    asked: Settlement
    delivered: Delivered
    began: int
    ends: int
    record: Record | None = None
    late: bool = False


async def settle(space: Space, member: Member, settlements: Sequence[Settlement]) -> list[float | None]:
    """What became of each; see `QueueStore.settle`."""
    answers: list[float | None] = [None] * len(settlements)
    cases: dict[int, Case] = {}
    for index, each in enumerate(settlements):
        ended = member.held.ended(each.lease)
        if ended is not None:
            answers[index] = 0.0 if ended is each.verb is Verb.ACKNOWLEDGE else None
            continue
        delivered = Delivered.of(each.lease)
        if delivered.epoch == member.group.epoch:
            holding = member.held.get(each.lease)
            began, ends = (holding.began, holding.until) if holding else (delivered.began, delivered.until)
            again = each.verb is Verb.ACKNOWLEDGE and member.held.doubts(each.lease)
            late = again and ends <= now()
            cases[index] = Case(each, delivered, began, now() + _AGAIN if again else ends, late=late)
    await _look(space, member, list(cases.values()))
    await _overtaken(space, member, [case for case in cases.values() if case.late])
    acknowledged = [index for index, case in cases.items() if case.asked.verb is Verb.ACKNOWLEDGE and case.ends > now()]
    others = [index for index, case in cases.items() if case.asked.verb is not Verb.ACKNOWLEDGE and case.ends > now()]
    if acknowledged:
        for index, known in zip(acknowledged, await _acknowledge(space, member, cases, acknowledged), strict=True):
            answers[index] = 0.0 if known else None
    if others:
        found = await asyncio.gather(*(_other(space, member, cases[index]) for index in others))
        for index, seconds in zip(others, found, strict=True):
            answers[index] = seconds
    return answers


async def _look(space: Space, member: Member, cases: Sequence[Case]) -> None:
    """Learns what records say of leases: whether those that seem over were extended, and whether others have ended."""
    at = now()
    unsure = [
        case for case in cases
        if case.ends <= at or case.asked.verb not in (Verb.ACKNOWLEDGE, Verb.RESTART)
    ]  # fmt: skip
    if not unsure:
        return
    group = member.group
    records = await asyncio.gather(
        *(space.state.record(group.topic, group.name, case.delivered.seq) for case in unsure)
    )
    strict = any(case.asked.verb in (Verb.NACK, Verb.RELEASE, Verb.EXTEND) for case in unsure)
    floor = await space.catalogue.floor(group) if strict else 0
    for case, record in zip(unsure, records, strict=True):
        case.record = record
        if record is not None and record.delivery >= case.delivered.delivery:
            if record.over or record.delivery > case.delivered.delivery:
                case.ends = 0
            else:
                case.began, case.ends = record.began, record.until
        if case.asked.verb is not Verb.ACKNOWLEDGE and (floor < 0 or 0 < case.delivered.seq <= floor):
            case.ends = 0


async def _overtaken(space: Space, member: Member, late: Sequence[Case]) -> None:
    """Acknowledgements that are repeated after their time. What a consumer has got meanwhile, or waits to come again,
    JetStream had not heard to be done: the lease is lost. The rest is done, and does not come to any consumer."""
    if not late:
        return
    topic, group = member.group.topic, member.group.name
    flying = {each[0] for each in await space.instances.flying(topic, group)}
    for case in late:
        if case.delivered.seq in flying:
            case.ends = 0
    if left := [case.delivered.seq for case in late if case.ends]:
        await space.instances.tell_done(topic, group, left)


async def _acknowledge(space: Space, member: Member, cases: dict[int, Case], indices: Sequence[int]) -> list[bool]:
    group = member.group
    asked = [(cases[index].delivered.subject(group.stream, group.consumer), ACK) for index in indices]
    leases = [cases[index].asked.lease for index in indices]
    member.held.doubt(leases)  # acknowledging again is in time, however late it is, until what became of it is known
    known = await space.jetstream.confirm_each(asked)
    confirmed = [lease for lease, was in zip(leases, known, strict=True) if was is True]
    for lease in confirmed:
        member.held.end(lease, Verb.ACKNOWLEDGE)
    member.held.done(lease.seq for lease in confirmed)
    for failure in known:
        if isinstance(failure, BaseException):
            raise failure
    if len(confirmed) < len(leases):
        await _check_gone(space, member)
    return [was is True for was in known]


async def _said(space: Space, member: Member, word: tuple[str, bytes]) -> bool:
    """Says what is to become of one delivery; whether its durable is there and has heard it."""
    (known,) = await space.jetstream.confirm([word])
    if not known:
        await _check_gone(space, member)
    return known


async def _check_gone(space: Space, member: Member) -> None:
    """Nothing has heard what was said of a delivery: its durable is gone, or moves to another server.

    Raises:
        BackendUnavailable: it is there.
    """
    if await space.catalogue.floor(member.group) >= 0:
        raise BackendUnavailable(
            "the consumer of the group moves to another server of NATS; try again",
            outcome=Outcome.UNKNOWN,
            retry_after=LATER,
        )


async def _other(space: Space, member: Member, case: Case) -> float | None:
    match case.asked.verb:
        case Verb.NACK:
            return await _nack(space, member, case)
        case Verb.RELEASE:
            return await _release(space, member, case)
        case _:
            return await _extend(space, member, case)


async def _release(space: Space, member: Member, case: Case) -> float | None:
    group, delivered = member.group, case.delivered
    record = Record(delivered.delivery, over=True, uncounted=delivered.uncounted + 1)
    await space.note(group, delivered.seq, record)
    known = await _said(space, member, (delivered.subject(group.stream, group.consumer), NAK))
    member.held.end(case.asked.lease, Verb.RELEASE)
    return 0.0 if known else None


async def _nack(space: Space, member: Member, case: Case) -> float | None:
    group, delivered, asked = member.group, case.delivered, case.asked
    subject = delivered.subject(group.stream, group.consumer)
    most = group.config.max_attempts
    if asked.dead or (most and delivered.attempt >= most):
        message = await space.publishing.stored(group.topic, delivered.seq)
        if message is not None:  # else it has outlived its retention meanwhile
            await space.bury(group, message, delivered.attempt, asked.reason)
        known = await _said(space, member, (subject, TERM))
        member.held.done([delivered.seq])
    else:
        record = Record(delivered.delivery, over=True, uncounted=delivered.uncounted, reason=asked.reason)
        await space.note(group, delivered.seq, record)
        wait = _backoff(group.config, delivered.attempt) if asked.delay is None else asked.delay
        if wait:
            member.held.delay(delivered.seq, now() + wait // 1000)
        word = until(group, delivered, -(-wait // 1000)) if wait else (subject, NAK)
        known = await _said(space, member, word)
    member.held.end(asked.lease, Verb.NACK)
    return 0.0 if known else None


def _backoff(config: GroupConfig, failed: int) -> int:
    wait = min(config.backoff_min << min(failed - 1, 40), max(config.backoff_max, config.backoff_min))
    return wait + int(wait * JITTER * random.random())  # noqa: S311  # spreads load, guards nothing


async def _extend(space: Space, member: Member, case: Case) -> float | None:
    group, delivered = member.group, case.delivered
    at = now()
    began = at if case.asked.verb is Verb.RESTART else case.began
    ends = min(at + group.config.ack_deadline // 1000, began + group.config.max_lease // 1000)
    if ends <= at:
        return None
    record = Record(delivered.delivery, uncounted=delivered.uncounted, began=began, until=ends)
    await space.note(group, delivered.seq, record)
    known = await _said(space, member, until(group, delivered, ends - at + beyond(group)))
    if not known:
        return None
    if (holding := member.held.get(case.asked.lease)) is not None:
        holding.began, holding.until = began, ends
    return (ends - at) / 1000


async def give_back(space: Space, member: Member, session: str) -> None:
    """Releases what a stream has."""
    has = [Settlement(lease, Verb.RELEASE) for lease, _ in member.held.of(session)]
    if has:
        await settle(space, member, has)


async def park(space: Space, member: Member, session: str, window: int) -> None:
    """Keeps what a stream had for so many microseconds, for the next stream of its consumer."""
    group, at = member.group, now()
    has = [(lease, each) for lease, each in member.held.of(session) if each.until > at]
    if not has:
        return
    words, kept = [], []
    for lease, each in has:
        member.held.release(lease)
        left = min(each.until - at, window // 1000)
        if left < each.until - at:
            words.append(until(group, Delivered.of(lease), left))
        kept.append([lease.seq, f"{lease.token:x}", each.size, each.attempt, each.began, each.until])
    consumer = has[0][1].consumer
    seconds = max(window / 1e6, 1.0)
    record = {"until": at + window // 1000, "kept": kept}
    await space.state.put(space.names.parked(group.topic, group.name, consumer), record, seconds)
    if words:
        await space.jetstream.confirm(words)


async def adopt(space: Space, member: Member, consumer: str, session: str) -> list[tuple[Lease, int, float]]:
    """Gives a stream what is kept for its consumer: the leases, their sizes and their seconds."""
    group = member.group
    found = await space.state.take(space.names.parked(group.topic, group.name, consumer))
    at = now()
    if not found or found["until"] <= at:
        return []
    words, taken = [], []
    for seq, token, size, attempt, began, ends in found["kept"]:
        lease = Lease(seq, int(token, 16))
        delivered = Delivered.of(lease)
        if ends <= at or delivered.epoch != group.epoch or member.held.ended(lease) is not None:
            continue
        member.held.hold(lease, Holding(consumer, session, size, attempt, began, ends))
        words.append(until(group, delivered, ends - at + beyond(group)))
        taken.append((lease, size, (ends - at) / 1000))
    if words:
        await space.jetstream.confirm(words)
    return taken
