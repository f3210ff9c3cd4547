"""HPACK, the compression of header fields in HTTP/2 (RFC 7541), for peers that send nearly the same fields every time.

Decoding is sequential, so the octets that a block begins with mean the same fields for as long as the dynamic table is
the same: each decoder remembers the heads of blocks, up to where they began to vary, and forgets them all when the
table changes. It also remembers literal fields that do not refer to the dynamic table, for they always mean the same.
What an encoder names by the dynamic table it indexes for being new, so that is decoded afresh.
"""

import sys
from collections.abc import Mapping
from itertools import chain
from typing import Final, TypeVar

from prism.wire.hpack import huffman
from prism.wire.hpack.errors import HeaderListTooLarge, HpackError
from prism.wire.hpack.static_table import STATIC_TABLE, Field

_FIELD_OVERHEAD: Final = 32  # what a field counts beyond its octets: RFC 7541, 4.1, and RFC 9113, 6.5.2
_FIRST_DYNAMIC: Final = len(STATIC_TABLE) + 1
_STATIC: Final[list[Field]] = [(b"", b""), *STATIC_TABLE]  # index 0 is refused before it is looked up
_LARGEST_STATIC: Final = max(len(name) + len(value) for name, value in STATIC_TABLE) + _FIELD_OVERHEAD
_MAX_CONTINUATION: Final = 5  # octets of an integer after its prefix: up to 35 bits

_CHECK_EVERY: Final = 4096  # octets decoded between two looks at the size of the list
_WHOLE: Final = sys.maxsize

_MEMO_ENTRIES: Final = 64
_MEMO_OCTETS: Final = 8192
_MEMO_MAX_KEY: Final = 2048
_MEMO_SHORT: Final = 128  # up to here, octets are bounded by the number of entries alone

_Value = TypeVar("_Value")


class _Memo(dict[bytes, _Value]):
    """What octets were decoded to. When full it starts over: what a good peer repeats is soon back in it."""

    __slots__ = ("octets",)

    def __init__(self) -> None:
        self.octets = 0

    def keep(self, key: bytes, value: _Value) -> None:
        length = len(key)
        if length > _MEMO_MAX_KEY:
            return
        if self.octets + length > _MEMO_OCTETS or len(self) >= _MEMO_ENTRIES:
            self.clear()
        if length > _MEMO_SHORT:
            self.octets += length
        self[key] = value

    def clear(self) -> None:
        super().clear()
        self.octets = 0


class Decoder:
    """Decodes the header blocks of one direction of one connection, in the order they arrive.

    `max_table_size` is the limit, in octets, of the dynamic table from the first block on; `max_list_size` is the limit
    of one decoded list, each field counting its octets and 32 more. After an HpackError the decoder is of no more use.
    `repeated` says whether the last block was known as a whole, so that its fields are the very tuple given before.
    """

    __slots__ = (
        "_capacity",
        "_heads",
        "_largest",
        "_limit",
        "_literals",
        "_max_list_size",
        "_owed",
        "_span",
        "_table",
        "_used",
        "repeated",
    )

    def __init__(self, max_table_size: int = 4096, max_list_size: int = 16384) -> None:
        self.repeated = False
        self._limit = max_table_size
        self._capacity = max_table_size
        self._max_list_size = max_list_size
        self._owed: int | None = None  # the size that the next block must shrink the table to
        self._table = _STATIC  # by index; a list of this decoder's own from the first insertion on
        self._used = 0
        self._largest = _LARGEST_STATIC  # no field met so far counts more
        self._heads: _Memo[tuple[Field, ...]] = _Memo()
        self._span = _WHOLE  # how much of the next block to look up in the heads
        self._literals: _Memo[Field] = _Memo()

    @property
    def blocks(self) -> Mapping[bytes, tuple[Field, ...]]:
        """What blocks, and heads of blocks, mean for as long as the table is what it is; follows each change of it."""
        return self._heads

    def set_max_table_size(self, size: int) -> None:
        """Take over our SETTINGS_HEADER_TABLE_SIZE, in octets, when the peer acknowledges it.

        Where the table may hold more, the next block must begin by shrinking it (RFC 7541, section 4.2).
        """
        self._limit = size
        if size < self._capacity:
            self._owed = size if self._owed is None else min(self._owed, size)
            self._heads.clear()

    # One long loop, because a call costs as much as a field.
    def decode(self, block: bytes) -> tuple[Field, ...]:
        """The fields of a whole block, names and values as they were sent; what repeats is the same object.

        Raises HpackError when the block is malformed, HeaderListTooLarge when the list exceeds its limit.
        """
        at, end = 0, len(block)
        fields: list[Field] = []
        self.repeated = False
        if self._heads:
            head = block[: self._span]
            known = self._heads.get(head)
            if known is not None:
                at = len(head)
                if at == end:
                    self.repeated = True
                    return known
                fields += known
        elif self._owed is not None and not (block and block[0] & 0xE0 == 0x20):
            raise HpackError(
                f"HPACK: the peer's header block must begin by shrinking the dynamic table to {self._owed} bytes"
            )
        table, literals, largest = self._table, self._literals, self._largest
        size = measured = 0  # octets of the first `measured` fields
        varies, steady = end, None  # where the first literal starts that is new, and how many fields stand before it
        changed = False
        try:
            while at < end:
                pause = end if end - at <= _CHECK_EVERY else at + _CHECK_EVERY
                while at < pause:
                    byte = block[at]
                    if byte > 0x80:
                        if byte < 0xFF:
                            fields.append(table[byte & 0x7F])
                            at += 1
                        elif block[at + 1] < 0x80:
                            fields.append(table[block[at + 1] + 0x7F])
                            at += 2
                        else:
                            index, at = _integer(block, at, 0x7F)
                            fields.append(table[index])
                        continue
                    if byte & 0x40:
                        mask = 0x3F
                    elif byte < 0x20:
                        mask = 0x0F
                    elif byte < 0x40 and not fields and not size:
                        at = self._resize(block, at)
                        changed = True
                        continue
                    else:
                        raise HpackError(
                            "HPACK: the peer's header block holds index 0, or a table size update after a field"
                        )
                    first = at
                    index = byte & mask
                    at += 1
                    if index == mask:
                        if block[at] < 0x80:
                            index += block[at]
                            at += 1
                        else:
                            index, at = _integer(block, first, mask)
                    elif not index:
                        length = block[at] & 0x7F
                        at += 1
                        if length == 0x7F:
                            length, at = _integer(block, at - 1, 0x7F)
                        at += length
                    value_at = at
                    octet = block[at]
                    length = octet & 0x7F
                    at += 1
                    if length == 0x7F:
                        length, at = _integer(block, value_at, 0x7F)
                    value = block[at : at + length]
                    at += length
                    if at > end:
                        raise HpackError(
                            "HPACK: a string in the peer's header block is longer than the rest of the block"
                        )
                    if index < _FIRST_DYNAMIC:
                        literal = block[first:at]
                        field = literals.get(literal)
                    else:
                        field = None
                    if field is None:
                        if index:
                            name = table[index][0]
                        elif block[first + 1] < 0x7F:
                            name = block[first + 2 : value_at]
                        else:
                            name = _string(block, first + 1, value_at)
                        if octet >= 0x80:
                            value = huffman.decode(value)
                        field = name, value
                        count = len(name) + len(value) + _FIELD_OVERHEAD
                        if count > largest:
                            largest = self._largest = count
                        if index < _FIRST_DYNAMIC:
                            if at - first > _MEMO_SHORT or len(literals) >= _MEMO_ENTRIES:
                                literals.keep(literal, field)
                            else:
                                literals[literal] = field
                        if varies == end:
                            varies, steady = first, len(fields)
                    elif mask == 0x3F:
                        count = len(field[0]) + len(field[1]) + _FIELD_OVERHEAD
                    fields.append(field)
                    if mask == 0x3F:
                        changed = True
                        if table is _STATIC:
                            table = self._table = _STATIC.copy()
                        table.insert(_FIRST_DYNAMIC, field)
                        used = self._used + count
                        while used > self._capacity:
                            name, value = table.pop()
                            used -= len(name) + len(value) + _FIELD_OVERHEAD
                        self._used = used
                if size > self._max_list_size or len(fields) * largest > self._max_list_size:
                    size += _list_size(fields[measured:])
                    if size > self._max_list_size:
                        fields.clear()
                    measured = len(fields)
        except IndexError:
            raise HpackError(
                "HPACK: the peer's header block is cut short, or refers to a field that is in neither table"
            ) from None
        except ValueError as error:
            raise HpackError(str(error)) from error
        if changed and self._heads:
            self._heads.clear()
        if size > self._max_list_size:
            raise HeaderListTooLarge(self._max_list_size, size)
        decoded = tuple(fields)
        if varies and not changed:
            self._heads.keep(block[:varies], decoded[:steady])
            self._span = varies if varies < end else _WHOLE
        return decoded

    def _resize(self, block: bytes, at: int) -> int:
        """Apply the table size update at octet `at`; answer where it ends."""
        size, at = _integer(block, at, 0x1F)
        limit = self._limit if self._owed is None else min(self._limit, self._owed)
        if size > limit:
            raise HpackError(
                f"HPACK: the peer set the dynamic table to {size} bytes, and at most {limit} are allowed at this point"
            )
        self._owed = None
        self._capacity = size
        while self._used > size:
            name, value = self._table.pop()
            self._used -= len(name) + len(value) + _FIELD_OVERHEAD
        return at


def _list_size(fields: list[Field]) -> int:
    """What the fields count towards a limit (RFC 9113, section 6.5.2)."""
    return sum(map(len, chain.from_iterable(fields))) + _FIELD_OVERHEAD * len(fields)


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """The integer whose prefix fills the bits `mask` of the octet at `at`, and where it ends (RFC 7541, 5.1)."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    for shift in range(0, 7 * _MAX_CONTINUATION, 7):
        octet = block[at]
        at += 1
        value += (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
    raise HpackError("HPACK: an integer in the peer's header block is too long")


def _string(block: bytes, at: int, end: int) -> bytes:
    """The text of the string that starts at `at` and stops at `end` (RFC 7541, 5.2)."""
    length = block[at]
    text = block[at + 1 : end] if length & 0x7F != 0x7F else block[_integer(block, at, 0x7F)[1] : end]
    if length < 0x80:
        return text
    try:
        return huffman.decode(text)
    except ValueError as error:
        raise HpackError(str(error)) from error
