"""What `GET /` says: what this is, and one command to try."""

import json
import re
from collections.abc import Iterable
from importlib.metadata import version

from prism._proto.data.v1 import options_pb2
from prism.gateway.connect import proto_files
from prism.interfaces.operation import Operation, extension
from prism.wire import HttpRequest, HttpResponse

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?")
_ANYWHERE = "localhost:8980"


def front_page(request: HttpRequest, operations: Iterable[Operation]) -> HttpResponse:
    """The page, as JSON where that is asked for, else as text."""
    release = version("prism-gateway")
    services = sorted({operation.name.partition("/")[0] for operation in operations})
    command = _command(request, operations)
    if "application/json" in str(request.headers.get("accept", "")):
        page = {"name": "prism", "version": release, "services": services, "try": command, "proto": proto_files.PATH}
        return HttpResponse(200, [("content-type", "application/json")], json.dumps(page).encode() + b"\n")
    text = (
        f"Prism {release}, a data access gateway: gRPC and HTTP/JSON on this port.\n\n"
        f"Serves {', '.join(services)}.\n\nTry:\n  {command}\n\n"
        f"The .proto files: GET {proto_files.PATH}\n"
    )
    return HttpResponse(200, [("content-type", "text/plain; charset=utf-8")], text.encode())


def _command(request: HttpRequest, operations: Iterable[Operation]) -> str:
    # The host goes into a command that people paste: only what can be nothing but a host is repeated.
    host = str(request.headers.get("host", ""))
    host = host if _HOST.fullmatch(host) else _ANYWHERE
    operation = next(each for each in operations if _takes_nothing(each))
    return f"curl {request.scheme}://{host}{operation.path} -H 'content-type: application/json' -d '{{}}'"


def _takes_nothing(operation: Operation) -> bool:
    streams = operation.streams
    fields = operation.request.DESCRIPTOR.fields
    return operation.reads and not streams and not any(extension(each, options_pb2.rules).required for each in fields)
