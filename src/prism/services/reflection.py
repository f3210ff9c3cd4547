"""grpc.reflection, v1 and v1alpha alike, so that grpcurl and any stock client work unprepared.

Source: github.com/grpc/grpc/blob/master/doc/server-reflection.md.
"""

import difflib
from types import ModuleType
from typing import Any

from google.protobuf.message import DecodeError

from prism._proto.grpc.reflection.v1 import reflection_pb2 as v1
from prism._proto.grpc.reflection.v1alpha import reflection_pb2 as v1alpha
from prism.services.described import Described
from prism.wire import Code, Method, ServerCall, Status, StatusError

VERSIONS: tuple[ModuleType, ...] = (v1, v1alpha)
SERVICES = tuple(version.DESCRIPTOR.services_by_name["ServerReflection"] for version in VERSIONS)


class Reflection:
    """One version of the service; the versions differ in their package's name only.

    Args:
        version: the generated module of the version.
        described: what it answers from.
    """

    def __init__(self, version: ModuleType, described: Described) -> None:
        self._pb: Any = version
        self._described = described

    def method(self) -> Method:
        """What a server runs."""
        service = self._pb.DESCRIPTOR.services_by_name["ServerReflection"]
        path = f"/{service.full_name}/ServerReflectionInfo"
        return Method(path, self._answer_all, client_streaming=True, server_streaming=True)

    async def _answer_all(self, call: ServerCall) -> None:
        async for message in call.messages:
            await call.send(self.answer(message))

    def answer(self, message: bytes) -> bytes:
        """The response to one request.

        Raises:
            StatusError: it is malformed.
        """
        try:
            request = self._pb.ServerReflectionRequest.FromString(message)
        except DecodeError as error:
            name = self._pb.ServerReflectionRequest.DESCRIPTOR.full_name
            raise StatusError(Status(Code.INVALID_ARGUMENT, f"the request is not a {name}")) from error
        response = self._pb.ServerReflectionResponse(valid_host=request.host, original_request=request)
        self._answer(request, response)
        answer: bytes = response.SerializeToString()
        return answer

    def _answer(self, request: Any, response: Any) -> None:
        """Fills in the response to one request."""
        described = self._described
        match request.WhichOneof("message_request"):
            case "file_by_filename":
                name = request.file_by_filename
                self._files(response, described.by_name(name), f"file {name[:200]!r}")
            case "file_containing_symbol":
                name = request.file_containing_symbol
                self._files(response, described.by_symbol(name), self._symbol(name))
            case "file_containing_extension":
                asked = request.file_containing_extension
                files = described.by_extension(asked.containing_type, asked.extension_number)
                what = f"extension {asked.extension_number} of {asked.containing_type[:200]!r}"
                self._files(response, files, what)
            case "all_extension_numbers_of_type":
                self._extension_numbers(response, request.all_extension_numbers_of_type)
            case "list_services":
                services = [self._pb.ServiceResponse(name=name) for name in described.services]
                response.list_services_response.service.extend(services)
            case _:
                _error(response, Code.INVALID_ARGUMENT, "the request asks for nothing; set one of its fields")

    def _files(self, response: Any, files: list[bytes] | None, what: str) -> None:
        if files is None:
            _error(response, Code.NOT_FOUND, f"no {what} is served here")
        else:
            response.file_descriptor_response.file_descriptor_proto.extend(files)

    def _extension_numbers(self, response: Any, extended: str) -> None:
        numbers = self._described.extension_numbers(extended)
        if numbers is None:
            _error(response, Code.NOT_FOUND, f"no message type {extended[:200]!r} is served here")
        else:
            response.all_extension_numbers_response.base_type_name = extended
            response.all_extension_numbers_response.extension_number.extend(numbers)

    def _symbol(self, name: str) -> str:
        nearest = difflib.get_close_matches(name[:200], self._described.services, 1)
        return f"symbol {name[:200]!r} (did you mean {nearest[0]}?)" if nearest else f"symbol {name[:200]!r}"


def _error(response: Any, code: Code, message: str) -> None:
    response.error_response.error_code = code
    response.error_response.error_message = message
