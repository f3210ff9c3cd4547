"""The list of targets."""

from collections.abc import Callable
from typing import Final

from wire.fuzz.stage import Stage
from wire.fuzz.target_both import BothClientsTarget, BothDecodersTarget, BothServersTarget
from wire.fuzz.target_client import ClientTarget
from wire.fuzz.target_server import ServerTarget
from wire.fuzz.target_values import FieldsTarget, HpackTarget, InboxTarget

Target = Callable[[bytes], None]

# Beside each, its share of the time.
TARGETS: Final[dict[str, tuple[Callable[[Stage], Target], int]]] = {
    "server": (ServerTarget, 4),
    "client": (ClientTarget, 3),
    "http1": (lambda stage: ServerTarget(stage, http1=True), 2),
    "hpack": (HpackTarget, 1),
    "inbox": (InboxTarget, 1),
    "fields": (FieldsTarget, 1),
    "both-servers": (BothServersTarget, 4),
    "both-clients": (BothClientsTarget, 3),
    "both-decoders": (BothDecodersTarget, 1),
}
