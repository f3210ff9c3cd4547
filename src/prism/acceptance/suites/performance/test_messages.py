"""How long publishing takes, as a multiple of a refused call, which goes the same way but to no store."""

from collections.abc import Callable

import pytest

from prism.acceptance.suites.performance.median import median
from prism.acceptance.suites.pubsub.dsl import PubSub
from prism.errors import InvalidArgument
from prism.interfaces.pubsub import PublishRequest

pytestmark = pytest.mark.ways("grpc")  # one way is enough: the figure is about what lies behind it


async def test_baseline(ps: PubSub, figure: Callable[[str, float], None]) -> None:
    """RFC-008, performance baseline: a Publish, as a multiple of a call that is refused before the store."""
    bad = PublishRequest(topic="")
    refused = await median(lambda: ps.refused(InvalidArgument, "Publish", bad))
    publish = await median(lambda: ps.publish("t", b"v" * 100))
    figure("publish / refused", round(publish / refused, 2))
