"""What a backend's Queue can do."""

from typing import Literal

from pydantic import Field

from prism.interfaces.capabilities.base import Capabilities


class QueueCapabilities(Capabilities):
    """What a backend's Queue can do. Times are in seconds.

    Attributes:
        receipts: a receipt settles through any gateway, or on the stream that gave it only.
        receive: messages are received and settled by calls too, not by `Consume` alone.
        fencing: a receipt that is lost changes nothing, whichever gateway it comes through.
        attempts: a gateway's death may forget one where they are `at_least`.
        ordering: messages of one key come in order; with `shard` keys share shards, and a shard waits.
        due_first: of the messages that are due the one longest due comes first; else what comes again may come before
            all that is new.
        sharing: consumers share messages, or gateways share partitions.
        dead_move: a message becomes dead in one step, or is in both places for a moment.
        seek: `live`, or only while the group has no consumers, `idle`.
        counts: of a group's messages.
        delay: messages may be published to come later.
        max_nack_delay: the longest delay of a nack; 0 for none but the backoff.
        cancel: messages may be taken back.
        keep: topics may keep their messages `until_acknowledged` too.
        min_ack_deadline: the shortest one.
        max_ack_deadline: the longest one.
        max_unsettled: most messages of a group in flight.
        idempotency_window: how long idempotency keys are remembered; 0 for none.
        atomic_publish: a batch may be published as a whole.
        atomic_commit: acknowledging and publishing may be one step.
    """

    receipts: Literal["any_gateway", "stream"] = "stream"
    receive: bool = False
    fencing: bool = False
    attempts: Literal["exact", "at_least"] = "at_least"
    ordering: Literal["none", "key", "shard"] = "none"
    due_first: bool = False
    sharing: Literal["messages", "partitions"] = "partitions"
    dead_move: Literal["atomic", "two_steps"] = "two_steps"
    seek: Literal["live", "idle"] = "idle"
    counts: Literal["exact", "estimate"] = "estimate"
    delay: bool = False
    max_nack_delay: float = Field(default=0, ge=0)
    cancel: bool = False
    keep: Literal["for_retention", "until_acknowledged"] = "for_retention"
    min_ack_deadline: float = Field(default=1.0, gt=0)
    max_ack_deadline: float = Field(default=43_200.0, gt=0)
    max_unsettled: int = Field(default=10_000, gt=0)
    idempotency_window: float = Field(default=0, ge=0)
    atomic_publish: bool = False
    atomic_commit: bool = False
