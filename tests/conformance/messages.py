"""The messages of the suite, from the .proto files of its module, and how its programs are spoken to.

The suite starts a program for each server and client under test, and speaks to it by standard input and output: each
message behind four bytes of length.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, empty_pb2, message_factory, struct_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status as RpcStatus

from prism.wire import Code, Metadata, Status
from prism.wire.grpc.metadata import Value, decode_binary, encode_binary

DESCRIPTIONS: Final = "PRISM_CONFORMANCE_DESCRIPTIONS"
"""The variable that names the compiled descriptions."""

_IMPORTED: Final = (any_pb2, empty_pb2, struct_pb2)
"""What the suite's files import, which is in the pool by that."""
_PACKAGE: Final = "connectrpc.conformance.v1"


def compile_protos(protos: Path, out: Path) -> None:
    """Compiles the suite's .proto files, for `load`."""
    sources = [str(path) for path in sorted(protos.rglob("*.proto"))]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{protos}", "--include_imports"]
    subprocess.run([*command, f"--descriptor_set_out={out}", *sources], check=True)


def service() -> ServiceDescriptor:
    """The service that the suite calls; JSON needs its messages in the pool that is every message's default."""
    pool = descriptor_pool.Default()
    descriptions = descriptor_pb2.FileDescriptorSet.FromString(Path(os.environ[DESCRIPTIONS]).read_bytes())
    for file in descriptions.file:
        if not file.name.startswith("google/"):
            pool.Add(file)
    return pool.FindServiceByName(f"{_PACKAGE}.ConformanceService")


def message(name: str) -> Any:
    """The type of that name; after `service`."""
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def read(source: BinaryIO, kind: Any) -> Any:
    """The next message; None after the last."""
    head = source.read(4)
    return kind.FromString(source.read(int.from_bytes(head))) if head else None


def write(to: BinaryIO, written: Message) -> None:
    """Writes a message."""
    data = written.SerializeToString()
    to.write(len(data).to_bytes(4) + data)
    to.flush()


def as_metadata(headers: Any) -> Metadata:
    """The suite's headers as metadata."""
    return Metadata([(each.name.lower(), _value(each.name, text)) for each in headers for text in each.value])


def as_headers(metadata: Metadata) -> list[Any]:
    """Metadata as the suite has it."""
    kind = message("Header")
    names = dict.fromkeys(name for name, _ in metadata)
    return [kind(name=name, value=[_text(each) for each in metadata.get_all(name)]) for name in names]


def as_status(error: Any, *more: Message) -> Status:
    """The status that the suite's error asks for, with more details."""
    rich = RpcStatus(code=error.code, message=error.message, details=error.details)
    for each in more:
        rich.details.add().Pack(each)
    return Status(Code(error.code), error.message, rich.SerializeToString())


def as_error(status: Status) -> Any:
    """A status as the suite has it."""
    details = RpcStatus.FromString(status.details).details
    return message("Error")(code=status.code.value, message=status.message, details=details)


def _value(name: str, text: str) -> Value:
    return b"".join(decode_binary(text.encode())) if name.lower().endswith("-bin") else text


def _text(value: Value) -> str:
    return value if isinstance(value, str) else encode_binary(value).decode()
