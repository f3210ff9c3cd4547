"""Three brokers in trouble; what is asserted is what the ledger of `chaos.py` says."""

import pytest

from backends.kafka.chaos import run
from missing import missing
from prism.backends.kafka.testing import ServerMissing

MESSAGES = 4_000
PAUSE = 4.0


@pytest.mark.slow
async def test_nothing_is_lost_through_the_trouble_of_brokers(whole: bool) -> None:
    """CONTRACT, Queue 2 and 8, on a cluster: acknowledged is kept and never comes again, keys keep their order."""
    if not whole:
        pytest.skip("three brokers take long to start: they are of `make acceptance` and of whole runs")
    try:
        report = await run(MESSAGES, PAUSE)
    except ServerMissing as absent:
        missing(str(absent))
    report.check()
