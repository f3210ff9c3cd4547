"""The messages of `grpc.testing`, made from testing.proto in a pool of their own, and what both ends agree on."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MIB = 1024 * 1024
LARGEST = 20 * MIB  # of a received message, at every peer
SIXTEEN_MIB = 16 * MIB
STREAMS = 1000  # that are open at once

SERVICE = "grpc.testing.TestService"
EMPTY_CALL = f"/{SERVICE}/EmptyCall"
UNARY_CALL = f"/{SERVICE}/UnaryCall"
STREAMING_INPUT_CALL = f"/{SERVICE}/StreamingInputCall"
STREAMING_OUTPUT_CALL = f"/{SERVICE}/StreamingOutputCall"
FULL_DUPLEX_CALL = f"/{SERVICE}/FullDuplexCall"
UNIMPLEMENTED_METHOD = f"/{SERVICE}/UnimplementedCall"
UNIMPLEMENTED_SERVICE = "/grpc.testing.UnimplementedService/UnimplementedCall"

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
INITIAL_VALUE = "test_initial_metadata_value"
TRAILING_VALUE = b"\xab\xab\xab"
STATUS_KEY = "x-prism-test-status-bin"  # a google.rpc.Status that the call shall end with

REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"


def _describe() -> descriptor_pb2.FileDescriptorProto:
    source = Path(__file__).with_name("testing.proto")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source.parent}", f"--descriptor_set_out={out}"]
        subprocess.run([*command, str(source)], check=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file[0]


DESCRIPTION = _describe()
pool = descriptor_pool.DescriptorPool()
pool.Add(DESCRIPTION)


def _message(name: str) -> Any:
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{name}"))


Empty = _message("Empty")
BoolValue = _message("BoolValue")
Payload = _message("Payload")
EchoStatus = _message("EchoStatus")
SimpleRequest = _message("SimpleRequest")
SimpleResponse = _message("SimpleResponse")
StreamingInputCallRequest = _message("StreamingInputCallRequest")
StreamingInputCallResponse = _message("StreamingInputCallResponse")
ResponseParameters = _message("ResponseParameters")
StreamingOutputCallRequest = _message("StreamingOutputCallRequest")
StreamingOutputCallResponse = _message("StreamingOutputCallResponse")


def payload(size: int) -> Any:
    """A payload of `size` zeros, as the cases ask for."""
    return Payload(body=bytes(size))


def duplex(request: int, *responses: int) -> Any:
    """A message of FullDuplexCall: a payload, and the sizes of the answers it asks for."""
    wanted = [ResponseParameters(size=size) for size in responses]
    return StreamingOutputCallRequest(response_parameters=wanted, payload=payload(request))
