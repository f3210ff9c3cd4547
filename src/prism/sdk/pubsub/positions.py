"""Positions: opaque, valid through every gateway and across restarts, refused when forged or of something else.

The seal is no secret, as that of a cursor: a position grants nothing that `start` does not grant by a time.
"""

from hashlib import blake2b

from prism.errors import InvalidArgument, Violation

_FORMAT = b"\x01"
_SEAL = 8


class Positions:
    """The positions of one pattern in one namespace."""

    def __init__(self, namespace: str, pattern: str) -> None:
        self._scope = blake2b(f"{namespace}\0{pattern}".encode(), digest_size=_SEAL, person=b"prism-position")

    def give(self, identity: bytes, place: bytes) -> bytes:
        """The position of a place in the log of that identity."""
        packed = bytes((len(identity),)) + identity + place
        return _FORMAT + self._seal(packed) + packed

    def read(self, position: bytes) -> tuple[bytes, bytes]:
        """Identity of the log, and place.

        Raises:
            InvalidArgument: it is damaged or forged, or of another namespace or pattern.
        """
        seal, packed = position[1 : 1 + _SEAL], position[1 + _SEAL :]
        if position[:1] != _FORMAT or not packed or seal != self._seal(packed):
            violation = Violation(
                "start.position",
                "not a position of this namespace and pattern",
                "pass a position unchanged, with the topic_pattern that it was given for",
            )
            raise InvalidArgument(str(violation), violations=[violation])
        length = packed[0]
        return packed[1 : 1 + length], packed[1 + length :]

    def _seal(self, packed: bytes) -> bytes:
        digest = self._scope.copy()
        digest.update(packed)
        return digest.digest()
