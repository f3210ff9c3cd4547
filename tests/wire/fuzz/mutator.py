"""Mutation that knows frames: most changes leave a conversation readable, so that they reach what lies behind it."""

import random
from collections.abc import Callable
from typing import Final

from prism.wire.http2 import frames
from wire.fuzz.script import HEAD
from wire.fuzz.seeds import frame_bank, split

_FLAGS: Final = (0, 1, 4, 5, 8, 9, 0x20, 0x24, 0x25, 0x2C, 0xFF)
_STREAMS: Final = (0, 1, 2, 3, 5, 7, 9, 11, 13, 15, 101, frames.LARGEST_WINDOW, 0x80000001)
_NUMBERS: Final = (0, 1, 2, 4, 5, 100, 16_384, 65_535, 65_536, 1 << 20, frames.LARGEST_WINDOW, (1 << 32) - 1)

Mutate = Callable[[bytes, int], bytes]


class FrameMutator:
    """Changes conversations; `mutate` is the fuzzer's own way with plain octets."""

    def __init__(self, target: str, mutate: Mutate) -> None:
        self._bank = frame_bank(target)
        self._mutate = mutate

    def __call__(self, data: bytes, longest: int, seed: int) -> bytes:
        """One mutation, or a few."""
        chance = random.Random(seed)
        head, body = data[:HEAD].ljust(HEAD, b"\0"), data[HEAD:]
        if chance.random() < 0.1:
            return self._mutate(data, longest)
        if chance.random() < 0.15:
            head = bytes(chance.randrange(128 if i == 0 else 256) for i in range(HEAD))
        found, rest = split(body)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            self._change(found, chance, longest)
        if chance.random() < 0.05:
            rest = self._mutate(rest or b"x", 40)
        elif chance.random() < 0.3:
            rest = b""
        return (head + b"".join(found) + rest)[:longest]

    def _change(self, found: list[bytes], chance: random.Random, longest: int) -> None:
        kind = chance.randrange(10)
        if not found or kind == 0:
            found.insert(chance.randint(0, len(found)), chance.choice(self._bank))
            return
        at = chance.randrange(len(found))
        each = found[at]
        if kind == 1:
            found.insert(chance.randint(0, len(found)), each)
        elif kind == 2:
            del found[at]
        elif kind == 3:
            other = chance.randrange(len(found))
            found[at], found[other] = found[other], each
        elif kind == 4:
            found[at] = _with(each, flags=chance.choice(_FLAGS))
        elif kind == 5:
            found[at] = _with(each, stream=chance.choice(_STREAMS))
        elif kind == 6:
            found[at] = _number(each, chance)
        elif kind == 7:
            found[at] = _with(each, kind=chance.randrange(12))
        elif kind == 8:
            self._next_streams(found, at, chance)
        else:
            payload = self._mutate(each[9:] or b"\0", min(len(each) + 20, longest))
            found[at] = len(payload).to_bytes(3, "big") + each[3:9] + payload

    def _next_streams(self, found: list[bytes], at: int, chance: random.Random) -> None:
        """The rest of the conversation again, on later streams."""
        shift = 2 * chance.randint(1, 6)
        again = [_shifted(each, shift) for each in found[at:]]
        found[chance.randint(at, len(found)) : len(found)] = again[:20]


def _with(each: bytes, *, kind: int | None = None, flags: int | None = None, stream: int | None = None) -> bytes:
    head = bytearray(each[:9])
    if kind is not None:
        head[3] = kind
    if flags is not None:
        head[4] = flags
    if stream is not None:
        head[5:9] = stream.to_bytes(4, "big")
    return bytes(head) + each[9:]


def _shifted(each: bytes, shift: int) -> bytes:
    stream = int.from_bytes(each[5:9], "big")
    return _with(each, stream=(stream + shift) & 0xFFFFFFFF) if stream else each


def _number(each: bytes, chance: random.Random) -> bytes:
    """Another number where one may stand: at the payload's beginning or end, or as a message's length."""
    value = chance.choice(_NUMBERS).to_bytes(4, "big")
    payload = bytearray(each[9:])
    place = chance.choice((0, 1, 2, max(0, len(payload) - 4)))
    payload[place : place + 4] = value
    return len(payload).to_bytes(3, "big") + each[3:9] + bytes(payload)
