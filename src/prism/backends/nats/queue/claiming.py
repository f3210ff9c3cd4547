"""What comes for a consumer: attempts counted, what has expired or failed too often set aside, the rest leased."""

import asyncio
import time
from dataclasses import replace
from typing import Final

from prism.backends.nats.queue.held import Holding, now
from prism.backends.nats.queue.incoming import Incoming
from prism.backends.nats.queue.leases import Delivered
from prism.backends.nats.queue.messages import read
from prism.backends.nats.queue.space import PASSED, TERM, Member, Space, beyond
from prism.sdk.queue.calls import Claim, Delivery, Want

_TURNS: Final = 20
"""Pulls of one claim where all that comes is set aside."""
_LATE: Final = 0.02


async def claim(space: Space, member: Member, want: Want) -> Claim:
    """Leases what is there."""
    group = member.group
    if not want.limit or group.config.paused:
        return Claim([], group.epoch, None)
    await space.remember(member)
    for _ in range(_TURNS):
        came = await member.fetching.take(want)
        if not came:
            return Claim([], group.epoch, None)
        arrived = now()
        admitted = await asyncio.gather(*(_admitted(space, member, each, want, arrived) for each in came))
        found = [each for each in admitted if each is not None]
        if len(found) < len(came):
            expired = sum(each is None and _is_expired(one) for each, one in zip(admitted, came, strict=True))
            if expired:
                await space.count(group, lambda before: replace(before, expired=before.expired + expired))  # noqa: B023  # awaited
        if found:
            return Claim(found, group.epoch, None)
    return Claim([], group.epoch, 0.0)


def _is_expired(came: Incoming) -> bool:
    expires_at = read(came.stored).expires_at
    return bool(expires_at) and expires_at <= time.time_ns() // 1000


async def _admitted(space: Space, member: Member, came: Incoming, want: Want, arrived: int) -> Delivery | None:
    """A delivery; None where the message is done with."""
    group, stored = member.group, came.stored
    uncounted, reason = 0, ""
    done = member.held.is_done(stored.seq)  # JetStream has forgotten that
    if came.delivery > 1 and not done:
        record = await space.state.record(group.topic, group.name, stored.seq)
        if record is not None:
            uncounted = record.uncounted
            reason = record.reason if record.over and record.delivery == came.delivery - 1 else ""
        done = member.held.is_done(stored.seq)  # it may have been acknowledged meanwhile
    attempt = max(came.delivery - uncounted, 1)
    delivered = Delivered(
        stored.seq, group.epoch, came.delivery, attempt, came.place, arrived, group.config.ack_deadline // 1000
    )
    most = group.config.max_attempts
    if done:
        pass
    elif most and attempt > most:
        await space.bury(group, stored, attempt - 1, reason or PASSED)
    elif not _is_expired(came) and not (group.epoch > 1 and await space.dead.has(group, stored.seq)):
        lease = delivered.lease()
        message = read(stored)
        until = delivered.until
        member.held.hold(lease, Holding(want.consumer, want.session, message.size, attempt, arrived, until))
        if most and attempt >= most:
            _watch(member, (until - now() + beyond(group)) / 1000)
        return Delivery(lease, message, attempt, delivered.lasts / 1000)
    await space.jetstream.confirm([(delivered.subject(group.stream, group.consumer), TERM)])
    member.held.done([stored.seq])
    return None


def _watch(member: Member, seconds: float) -> None:
    """Looks when the last lease of a message has ended, for it to become dead though no consumer asks for more."""
    asyncio.get_running_loop().call_later(max(seconds, 0) + _LATE, member.fetching.look)
