"""Plain data in messages."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct


def struct(document: object) -> "Struct":
    """A mapping of plain data as a Struct."""
    from google.protobuf import json_format  # with the first that an operator asks for
    from google.protobuf.struct_pb2 import Struct

    return json_format.Parse(json.dumps(document), Struct())
