"""The store is killed, frozen and cut off under load: what was acknowledged is there, what failed said so honestly."""

from collections.abc import Awaitable, Callable

from prism.acceptance.suites.outage.outage import Outcome, Trouble, cut_off, frozen, killed_twice
from prism.acceptance.workload import Workload

APPLIES_TO = Workload

OutageBy = Callable[[str, Trouble], Awaitable[Outcome]]


async def test_a_killed_store_misreports_no_write(outage_by: OutageBy) -> None:
    """CONTRACT, errors and outcome: a crash of the store: nothing that is NOT_APPLIED is there, all acknowledged is.

    Of a cache an acknowledged entry may be gone, and no key holds another value; of PubSub what may have been dropped
    is a GAP.
    """
    outcome = await outage_by("kill", killed_twice)
    assert outcome.failed, "no caller noticed that the store was killed"
    assert outcome.warned, "no subscriber was warned that the store was killed"
    assert outcome.faults == []


async def test_a_frozen_store_holds_no_caller_beyond_the_deadline(outage_by: OutageBy) -> None:
    """CONTRACT, errors and outcome: a store that is frozen for 5 s: every call ends, and all goes on by itself."""
    outcome = await outage_by("pause", frozen)
    assert outcome.failed, "no caller noticed that the store was frozen"
    assert outcome.faults == []


async def test_connections_cut_in_the_midst_misreport_no_write(outage_by: OutageBy) -> None:
    """CONTRACT, outcome: connections that the store ends in mid-answer, again and again: no write is misreported."""
    outcome = await outage_by("disconnect", cut_off)
    assert outcome.faults == []
