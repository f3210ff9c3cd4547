from collections.abc import Callable, Mapping
from typing import Any, final

INTERFACE: int
__version__: str

_Field = tuple[bytes, bytes]
_Head = tuple[str, float | None, Any, bool, None]
_Request = tuple[int, str, float | None, Any, bool, bytes]

@final
class Decoder:
    def __new__(cls, max_table_size: int = 4096, max_list_size: int = 16384) -> Decoder: ...
    @property
    def blocks(self) -> Mapping[bytes, tuple[_Field, ...]]: ...
    @property
    def repeated(self) -> bool: ...
    def set_max_table_size(self, size: int) -> None: ...
    def decode(self, block: bytes) -> tuple[_Field, ...]: ...
    def read_requests(
        self, known: Mapping[_Field, tuple[int, Any]], metadata_of: Callable[[tuple[tuple[str, Any], ...]], Any]
    ) -> None: ...
    def request(self, block: bytes) -> _Head | None: ...
    def take_requests(
        self, read: bytes, at: int, last_id: int, most: int, largest_frame: int, largest: int
    ) -> tuple[int, list[_Request]]: ...

@final
class Packer:
    def __new__(cls, head: bytes, trailers: bytes) -> Packer: ...
    def reply(self, stream_id: int, message: bytes | bytearray) -> bytes: ...

def decode_huffman(coded: bytes) -> bytes: ...
def pack_request(
    stream_id: int, method: bytes, timeout: bytes, metadata: bytes, message: bytes | bytearray
) -> bytes: ...
def take_data(
    read: bytes,
    at: int,
    stream_id: int,
    place: tuple[bytes, int, int, int],
    most: int,
    largest_frame: int,
    largest: int,
    most_messages: int,
    room: int,
    window: int,
    target: int,
) -> tuple[int, int, int, list[bytes], bytes, bytes, int] | None: ...
def take_responses(
    read: bytes, at: int, most: int, head: bytes, trailers: bytes, largest: int
) -> tuple[int, list[tuple[int, bytes]]]: ...
