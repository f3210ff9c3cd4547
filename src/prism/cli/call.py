"""`prism call`: any operation that a gateway has, of an abstraction or a plugin's own, by reflection of the gateway."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from prism.cli.data_command import DataCommand
from prism.cli.exit_code import ExitCode
from prism.cli.kv.line_reader import read_lines
from prism.cli.standard_streams import standard_input

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor
    from google.protobuf.message import Message

    from prism.client import Client

_EPILOG = f"""\b
Examples:
  prism call default KeyValue/Get '{{"id": "cart:1", "keys": ["dG90YWw="]}}'
  prism call default shelf.v1.Shelf/Dust '{{"shelf": "a"}}'
  prism call default Pile < books.jsonl     a stream of requests: one a line

Bytes are base64 in JSON. Where the operation takes a stream of requests, each line of standard input is one.

{ExitCode.documentation()}"""


class CallCommand(DataCommand):
    """Runs an async callback with the client, and the namespace's name."""

    def data(self, client: "Client", namespace: str) -> Any:
        """Both."""
        client.keyvalue(namespace)  # refuses a name that is malformed
        return client, namespace


@click.command(cls=CallCommand, epilog=_EPILOG)
@click.argument("method")
@click.argument("request", metavar="[JSON]", required=False)
async def call(data: "tuple[Client, str]", *, method: str, request: str | None) -> ExitCode:
    """Run any operation of NAMESPACE: METHOD with the message JSON, or {}. Each response is one line of JSON.

    METHOD is package.Service/Method, or as much of its end as is unique: Service/Method, Method. The gateway describes
    its operations, those of plugins included; nothing needs to be installed for them. --timeout is for an operation
    with one request and one response; one that streams may take as long as it likes.
    """
    client, namespace = data
    found = await _find(client, namespace, method)
    if found.client_streaming:
        if request is not None:
            raise click.UsageError(
                f"{_name(found)} takes a stream of requests; give them on standard input, one a line"
            )
        asked: Any = _lines(found)
    else:
        asked = _message(found, (request or "{}").encode())
    if found.server_streaming:
        async for response in client.stream(namespace, found, asked):
            _show(response)
    else:
        timeout = float("inf") if found.client_streaming else None
        _show(await client.call(namespace, found, asked, timeout=timeout))
    return ExitCode.OK


async def _find(client: "Client", namespace: str, wanted: str) -> "MethodDescriptor":
    """The one operation whose full name is, or ends with, what is wanted.

    Raises:
        click.UsageError: there is none, or more than one.
    """
    from prism.cli.reflection import services
    from prism.config.yaml.problem import nearest

    wanted = wanted.removeprefix("/")
    every = {_name(method): method for service in await services(client, namespace) for method in service.methods}
    found = [name for name in every if name == wanted] or [
        name for name in every if name.endswith((f".{wanted}", f"/{wanted}"))
    ]
    if len(found) == 1:
        return every[found[0]]
    if found:
        raise click.UsageError(f"{wanted} is ambiguous; give one of {', '.join(sorted(found))}")
    short = {name.rpartition("/" if "/" not in wanted else ".")[2]: name for name in every}
    near = nearest(wanted, [*every, *short])
    hint = f"did you mean {short.get(near, near)}?" if near else f"it has {', '.join(sorted(every))}"
    raise click.UsageError(f"the gateway has no operation {wanted}; {hint}")


def _name(method: "MethodDescriptor") -> str:
    return f"{method.containing_service.full_name}/{method.name}"


def _message(method: "MethodDescriptor", text: bytes) -> "Message":
    """The request that a text stands for. Raises `InvalidArgument`, with the field."""
    from google.protobuf.message_factory import GetMessageClass

    from prism.gateway.connect.json_codec import decode

    return decode(text, GetMessageClass(method.input_type))


async def _lines(method: "MethodDescriptor") -> "AsyncIterator[Message]":
    async for lines in read_lines(standard_input().raw):  # type: ignore[attr-defined]  # unbuffered: as they come
        for line in filter(bytes.strip, lines):
            yield _message(method, line)


def _show(response: "Message") -> None:
    from prism.gateway.connect.json_codec import encode

    click.echo(encode(response).decode())
