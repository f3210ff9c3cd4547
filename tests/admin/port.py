"""A gateway process with an admin port, and ways to ask it: the stock gRPC client, and plain HTTP."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

import gateways
from prism._proto.admin.v1 import admin_pb2 as pb

SERVICE = "/prism.admin.v1.AdminService/"
JSON = {"content-type": "application/json"}

Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class AdminPort:
    """The admin port of a gateway.

    Attributes:
        gateway: the process.
        channel: the stock client's connection.
    """

    def __init__(self, gateway: gateways.GatewayProcess, channel: grpc.Channel) -> None:
        self.gateway = gateway
        self.channel = channel

    def call(self, method: str, request: Message, **metadata: str) -> Any:
        """One call by the stock gRPC client."""
        kind = getattr(pb, type(request).__name__.replace("Request", "Response"))
        unary = self.channel.unary_unary(SERVICE + method, type(request).SerializeToString, kind.FromString)
        named = tuple((name.replace("_", "-"), value) for name, value in metadata.items())
        return unary(request, metadata=named, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request over HTTP/1.1, as `ask` sends it."""
        return ask(self.gateway.admin, method, path, body, headers)


def ask(address: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """One request over HTTP/1.1, with these headers and no others but `Host`, where they have none."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, path, sent, dict(headers or {}))
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, response.read())
    finally:
        connection.close()


@contextmanager
def opened(config: Mapping[str, Any], folder: Path) -> Iterator[AdminPort]:
    """A gateway and its admin port, for the length of a block."""
    with gateways.running(config, folder) as gateway, grpc.insecure_channel(gateway.admin) as channel:
        yield AdminPort(gateway, channel)
