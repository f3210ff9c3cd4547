"""Plain data in messages."""

import json

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct


def struct(document: object) -> Struct:
    """A mapping of plain data as a Struct."""
    return json_format.Parse(json.dumps(document), Struct())
