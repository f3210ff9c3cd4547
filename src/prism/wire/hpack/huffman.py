"""Decodes the Huffman-coded strings of header fields (RFC 7541, section 5.2 and appendix B), a byte at a time.

A state is a place in the code tree where a byte may end; it knows, for each next byte, which symbols that completes
and which state follows. States are filled in when a string first reaches them: text needs a few dozen of the 256.

`zlib` could read the same strings, the code up to 15 bits being a complete DEFLATE code, in 0.6 of the time; but it
gives up the interpreter lock for each, which next to a busy thread made it forty times slower.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

# The code is canonical: within a length, symbols count up; so the lengths say it all.
_SYMBOLS_BY_LENGTH: Final[dict[int, bytes]] = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: b"\\\xc3\xd0",
    20: b"\x80\x82\x83\xa2\xb8\xc2\xe0\xe2",
    21: b"\x99\xa1\xa7\xac\xb0\xb1\xb3\xd1\xd8\xd9\xe3\xe5\xe6",
    22: b"\x81\x84\x85\x86\x88\x92\x9a\x9c\xa0\xa3\xa4\xa9\xaa\xad\xb2\xb5\xb9\xba\xbb\xbd\xbe\xc4\xc6\xe4\xe8\xe9",
    23: b"\x01\x87\x89\x8a\x8b\x8c\x8d\x8f\x93\x95\x96\x97\x98\x9b\x9d\x9e\xa5\xa6\xa8\xae\xaf\xb4\xb6\xb7\xbc\xbf"
    b"\xc5\xe7\xef",
    24: b"\t\x8e\x90\x91\x94\x9f\xab\xce\xd7\xe1\xec\xed",
    25: b"\xc7\xcf\xea\xeb",
    26: b"\xc0\xc1\xc8\xc9\xca\xcd\xd2\xd5\xda\xdb\xee\xf0\xf2\xf3\xff",
    27: b"\xcb\xcc\xd3\xd4\xd6\xdd\xde\xdf\xf1\xf4\xf5\xf6\xf7\xf8\xfa\xfb\xfc\xfd\xfe",
    28: b"\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x10\x11\x12\x13\x14\x15\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
    b"\x7f\xdc\xf9",
    30: b"\n\r\x16",  # and, last, the end-of-string symbol, which no string may hold
}


def _codes() -> Iterator[tuple[str, bytes]]:
    code = previous = 0
    for length, symbols in _SYMBOLS_BY_LENGTH.items():
        code <<= length - previous
        previous = length
        for symbol in symbols:
            yield f"{code:0{length}b}", bytes((symbol,))
            code += 1


_SYMBOLS: Final[dict[str, bytes]] = dict(_codes())
_END_OF_STRING: Final = "1" * 30


@cache
def _nibbles(pending: str) -> list[tuple[bytes, str]]:
    """For each next four bits after those of an unfinished code, the symbols completed and the bits left over."""
    return [_read(pending, f"{nibble:04b}") for nibble in range(16)]


def _read(pending: str, bits: str) -> tuple[bytes, str]:
    symbols = b""
    for bit in bits:
        pending += bit
        if pending in _SYMBOLS:
            symbols += _SYMBOLS[pending]
            pending = ""
        elif len(pending) >= len(_END_OF_STRING):
            return b"", _END_OF_STRING
    return symbols, pending


# What each next byte completes, and the steps that follow it. Plain lists and tuples, for the loop's sake.
_Steps = list[tuple[bytes, "_Steps"]]


class _State:
    """A place in the code tree where a byte may end; its steps are empty until a string reaches it."""

    __slots__ = ("may_end", "pending", "steps")

    def __init__(self, pending: str) -> None:
        self.pending = pending
        self.may_end = "1111111".startswith(pending)
        self.steps: _Steps = []

    def fill(self) -> None:
        self.steps += (
            (high + low, _state(rest).steps)
            for high, between in _nibbles(self.pending)
            for low, rest in _nibbles(between)
        )


_STATES: Final[dict[int, _State]] = {}
"""By the identity of their steps."""


@cache
def _state(pending: str) -> _State:
    state = _State(pending)
    _STATES[id(state.steps)] = state
    return state


_START: Final = _state("").steps


def decode(coded: bytes) -> bytes:
    """Decode one whole string; its length is at most 8/5 of the coded one.

    Raises ValueError where the padding is longer than seven bits or not all ones, or the end-of-string symbol occurs.
    """
    steps = _START
    decoded: list[bytes] = []
    try:
        for octet in coded:
            symbols, steps = steps[octet]
            decoded.append(symbols)
    except IndexError:
        _STATES[id(steps)].fill()
        return decode(coded)
    if not _STATES[id(steps)].may_end:
        raise ValueError(
            "HPACK: a Huffman-coded string of the peer does not end in at most seven padding bits, all ones"
        )
    return b"".join(decoded)
