"""What a manifest does not declare of PubSub is refused, by a sentence that says what is missing and who has it."""

from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.errors.who_can import explains
from prism.acceptance.suites.pubsub.dsl import PubSub
from prism.errors import Unimplemented
from prism.interfaces.pubsub import PublishRequest, SubscribeRequest

FIELDS = {
    "ordering": ("Publish", PublishRequest(topic="t", ordering_key="k")),
    "queue_groups": ("Subscribe", SubscribeRequest(topic_pattern=">", queue_group="g")),
}


async def test_what_is_not_declared_is_refused(ps: PubSub) -> None:
    """CONTRACT: where a store cannot do a thing, the call is refused with UNIMPLEMENTED; the message names who can."""
    undeclared = [each for each in FIELDS if not ps.capabilities.declares(each)]
    if not undeclared:
        not_applicable(f"{', '.join(FIELDS)} are all declared")
    for capability in undeclared:
        error = await ps.refused(Unimplemented, *FIELDS[capability])
        assert explains(error, "pubsub", capability, ps.caller), error.message
