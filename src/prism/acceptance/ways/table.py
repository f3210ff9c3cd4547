"""The ways in through gateways."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from prism.acceptance.caller import Caller
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject
from prism.acceptance.ways.client import open_client
from prism.acceptance.ways.grpc import open_grpc
from prism.acceptance.ways.http import open_http

Open = Callable[[Subject, Namespaces, Sequence[str]], AbstractAsyncContextManager[Caller]]
"""Opens a way through the gateways at these addresses."""

THROUGH_GATEWAYS: Mapping[str, Open] = {"grpc": open_grpc, "http": open_http, "client": open_client}
