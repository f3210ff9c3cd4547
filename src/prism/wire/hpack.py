"""HPACK, the compression of header fields in HTTP/2 (RFC 7541), for peers that send nearly the same fields every time.

Decoding remembers, per connection, what it decoded before: whole blocks, for as long as the dynamic table stays as it
is, and single literal fields, which mean the same under any table. Encoding never touches the peer's dynamic table, so
that blocks can be kept as constant bytes and sent in any order.
"""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from prism.wire import huffman
from prism.wire.static_table import FIELD_INDEX, NAME_INDEX, STATIC_TABLE, Field


class HpackError(Exception):
    """A block that cannot be decoded: the connection must end with COMPRESSION_ERROR (RFC 9113, section 4.3)."""


class HeaderListTooLarge(Exception):
    """The fields exceed max_list_size; the dynamic table has followed the whole block, so the connection may go on."""


_FIELD_OVERHEAD: Final = 32  # what a field counts beyond its octets: RFC 7541, 4.1, and RFC 9113, 6.5.2
_LARGEST_STATIC: Final = max(len(name) + len(value) for name, value in STATIC_TABLE) + _FIELD_OVERHEAD
_FIRST_DYNAMIC: Final = len(STATIC_TABLE) + 1
_NO_FIELD: Final[Field] = (b"", b"")
_STATIC: Final[list[Field]] = [_NO_FIELD, *STATIC_TABLE]
_MAX_CONTINUATION: Final = 5  # octets of an integer after its prefix: up to 35 bits

_MEMO_ENTRIES: Final = 64
_MEMO_BYTES: Final = 8192
_BITE: Final = 4096  # octets decoded between two looks at the size of the list


class Decoder:
    """Decodes the header blocks of one direction of one connection, in the order they arrive.

    `max_table_size` is the limit, in octets, of the dynamic table from the first block on; `max_list_size` is the limit
    of one decoded list, each field counting its octets and 32 more. After an HpackError the decoder is of no more use.
    """

    __slots__ = (
        "_blocks",
        "_blocks_bytes",
        "_capacity",
        "_largest",
        "_limit",
        "_literals",
        "_literals_bytes",
        "_max_list_size",
        "_owed",
        "_table",
        "_used",
    )

    def __init__(self, max_table_size: int = 4096, max_list_size: int = 16384) -> None:
        self._limit = max_table_size
        self._capacity = max_table_size
        self._max_list_size = max_list_size
        self._owed: int | None = None  # the size that the next block must shrink the table to
        self._table = _STATIC  # by index: a list of one's own from the first insertion on
        self._used = 0
        self._largest = _LARGEST_STATIC  # no field decoded so far counts more
        self._blocks: dict[bytes, tuple[Field, ...]] = {}
        self._blocks_bytes = 0
        self._literals: dict[bytes, Field] = {}
        self._literals_bytes = 0

    def set_max_table_size(self, size: int) -> None:
        """Take over our SETTINGS_HEADER_TABLE_SIZE when the peer acknowledges it.

        When the table is larger, the next block must begin by shrinking it (RFC 7541, section 4.2).
        """
        self._limit = size
        if size < self._capacity:
            self._owed = size if self._owed is None else min(self._owed, size)
            self._forget_blocks()

    def decode(self, block: bytes) -> tuple[Field, ...]:
        """The fields of a whole block, names and values as they were sent, equal ones being the same object.

        Raises HpackError when the block is malformed, HeaderListTooLarge when the list exceeds its limit.
        """
        known = self._blocks.get(block)
        if known is not None:
            return known
        try:
            return self._decode(block)
        except IndexError:
            raise HpackError("the header block is cut short or refers to a field that is not there") from None

    # Long, because a call costs as much as a field.
    def _decode(self, block: bytes) -> tuple[Field, ...]:
        start = self._resize(block)
        changed = start > 0
        novel = False
        table = self._table
        fields: list[Field] = []
        size = counted = 0
        i, end = start, len(block)
        while i < end:
            pause = i + _BITE if end - i > _BITE else end
            while i < pause:
                byte = block[i]
                if byte > 0x80:
                    if byte == 0xFF:
                        index, i = _integer(block, i, 0x7F)
                        fields.append(table[index])
                    else:
                        fields.append(table[byte & 0x7F])
                        i += 1
                    continue
                if byte & 0xC0 == 0x40:
                    mask = 0x3F
                elif byte < 0x20:
                    mask = 0x0F
                else:
                    raise HpackError("a header block holds index 0, or a table size update after its first field")
                first = i
                index = byte & mask
                if index == mask:
                    index, i = _integer(block, i, mask)
                else:
                    i += 1
                if not index:
                    length = block[i] & 0x7F
                    if length == 0x7F:
                        length, i = _integer(block, i, 0x7F)
                        i += length
                    else:
                        i += length + 1
                value_at = i
                length = block[i] & 0x7F
                if length == 0x7F:
                    length, i = _integer(block, i, 0x7F)
                    i += length
                else:
                    i += length + 1
                if i > end:
                    raise HpackError("a string reaches beyond the end of its header block")
                # Named by the dynamic table, a literal means something else as soon as the table moves.
                literal = block[first:i] if index < _FIRST_DYNAMIC else b""
                field = self._literals.get(literal)
                if field is None:
                    novel = True
                    name = table[index][0] if index else _string(block, first + 1)
                    field = (name, _string(block, value_at))
                    self._remember_literal(literal, field)
                fields.append(field)
                if mask == 0x3F:
                    changed = True
                    self._insert(field)
                    table = self._table
            if len(fields) * self._largest > self._max_list_size:
                recent = fields[counted:]
                size += sum(map(len, chain.from_iterable(recent))) + _FIELD_OVERHEAD * len(recent)
                if size > self._max_list_size:
                    fields.clear()
                counted = len(fields)
        if size > self._max_list_size:
            raise HeaderListTooLarge(f"the header list exceeds {self._max_list_size} bytes")
        decoded = tuple(fields)
        if changed:
            self._forget_blocks()
        elif not novel:
            self._remember_block(block, decoded)
        return decoded

    def _resize(self, block: bytes) -> int:
        """Apply the table size updates that a block starts with; answer where its first field is."""
        i = 0
        while block[i : i + 1] and block[i] & 0xE0 == 0x20:
            size, i = _integer(block, i, 0x1F)
            if size > self._limit:
                raise HpackError(f"the dynamic table may hold {self._limit} bytes, not {size}")
            if self._owed is not None and size > self._owed:
                break
            self._owed = None
            self._capacity = size
            self._evict()
        if self._owed is not None:
            raise HpackError(f"a header block must first shrink the dynamic table to {self._owed} bytes")
        return i

    def _insert(self, field: Field) -> None:
        if self._table is _STATIC:
            self._table = _STATIC.copy()
        self._table.insert(_FIRST_DYNAMIC, field)
        self._used += len(field[0]) + len(field[1]) + _FIELD_OVERHEAD
        self._evict()

    def _evict(self) -> None:
        while self._used > self._capacity:
            name, value = self._table.pop()
            self._used -= len(name) + len(value) + _FIELD_OVERHEAD

    def _remember_literal(self, literal: bytes, field: Field) -> None:
        count = len(field[0]) + len(field[1]) + _FIELD_OVERHEAD
        if count > self._largest:
            self._largest = count
        if not literal or len(literal) > _MEMO_BYTES // 4:
            return
        self._literals_bytes += len(literal)
        if self._literals_bytes > _MEMO_BYTES or len(self._literals) >= _MEMO_ENTRIES:
            self._literals.clear()
            self._literals_bytes = len(literal)
        self._literals[literal] = field

    def _remember_block(self, block: bytes, fields: tuple[Field, ...]) -> None:
        if len(block) > _MEMO_BYTES // 4:
            return
        self._blocks_bytes += len(block)
        if self._blocks_bytes > _MEMO_BYTES or len(self._blocks) >= _MEMO_ENTRIES:
            self._forget_blocks()
            self._blocks_bytes = len(block)
        self._blocks[block] = fields

    def _forget_blocks(self) -> None:
        if self._blocks:
            self._blocks.clear()
        self._blocks_bytes = 0


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """The integer whose prefix fills the bits of `mask` in the byte at `at`, and where it ends."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, 7 * _MAX_CONTINUATION, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise HpackError("an integer in a header block is too long")


def _string(block: bytes, at: int) -> bytes:
    length, start = _integer(block, at, 0x7F)
    coded = block[start : start + length]
    if block[at] < 0x80:
        return coded
    try:
        return huffman.decode(coded)
    except ValueError as error:
        raise HpackError(str(error)) from error


def encode_literal(name: bytes, value: bytes) -> bytes:
    """One field as a literal without indexing, its name indexed where the static table has it, no Huffman code."""
    return _encode_literal(0x00, name, value)


def encode_never_indexed(name: bytes, value: bytes) -> bytes:
    """One field that intermediaries must not index either, for secrets (RFC 7541, section 7.1.3)."""
    return _encode_literal(0x10, name, value)


def encode(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole block that neither uses nor changes the peer's dynamic table."""
    return b"".join(
        _encode_integer(0x80, 0x7F, FIELD_INDEX[field]) if field in FIELD_INDEX else encode_literal(*field)
        for field in headers
    )


def _encode_literal(kind: int, name: bytes, value: bytes) -> bytes:
    index = NAME_INDEX.get(name, 0)
    head = _encode_integer(kind, 0x0F, index)
    return head + (b"" if index else _encode_string(name)) + _encode_string(value)


def _encode_string(text: bytes) -> bytes:
    return _encode_integer(0x00, 0x7F, len(text)) + text


def _encode_integer(kind: int, mask: int, value: int) -> bytes:
    if value < mask:
        return bytes((kind | value,))
    octets = [kind | mask]
    value -= mask
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
