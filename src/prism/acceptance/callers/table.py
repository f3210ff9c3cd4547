"""The ways in, to the plugin itself and through gateways."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from prism.acceptance.callers.binding import open_binding
from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.client import open_client
from prism.acceptance.callers.grpc import open_grpc
from prism.acceptance.callers.http import open_http
from prism.acceptance.callers.process import open_process
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.subject import Subject

Open = Callable[[Subject, Namespaces, Sequence[str]], AbstractAsyncContextManager[Caller]]
"""Opens a way through the gateways at these addresses."""

THROUGH_GATEWAYS: Mapping[str, Open] = {"grpc": open_grpc, "http": open_http, "client": open_client}

OpenDirectly = Callable[[Subject, Namespaces], AbstractAsyncContextManager[Caller]]
"""Opens a way that needs no gateway."""

WITHOUT_GATEWAYS: Mapping[str, OpenDirectly] = {"binding": open_binding, "process": open_process}
