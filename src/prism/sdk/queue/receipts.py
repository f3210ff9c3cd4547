"""Receipts: opaque, and authenticated, so that none can be made up or used for another group."""

import base64
import binascii
import hmac
from hashlib import blake2b

from prism.errors import InvalidArgument, Violation
from prism.sdk.queue.calls import Lease

_SEQ = 8
_TOKENS = (8, 24)
"""Bytes of a token: the least that holds it, so that a token has one form."""
_SEAL = 16


class Receipts:
    """The receipts of one group.

    Args:
        secret: the store's.
        scope: namespace, topic and group.
    """

    def __init__(self, secret: bytes, *scope: str) -> None:
        self._key = blake2b("\0".join(scope).encode(), key=secret, digest_size=32, person=b"prism-receipt").digest()

    def give(self, lease: Lease) -> str:
        """The receipt of a delivery."""
        size = next(each for each in _TOKENS if lease.token < 1 << 8 * each)
        packed = lease.seq.to_bytes(_SEQ, "big") + lease.token.to_bytes(size, "big")
        return base64.urlsafe_b64encode(packed + self._seal(packed)).decode().rstrip("=")

    def read(self, receipt: str) -> Lease:
        """The delivery that a receipt is of.

        Raises:
            InvalidArgument: it is forged, or of another group.
        """
        try:
            raw = base64.b64decode(receipt + "=" * (-len(receipt) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        packed, seal = raw[:-_SEAL], raw[-_SEAL:]
        if len(packed) - _SEQ not in _TOKENS or not hmac.compare_digest(seal, self._seal(packed)):
            violation = Violation("receipts", "not a receipt of this group", "pass receipts unchanged")
            raise InvalidArgument(str(violation), violations=[violation])
        return Lease(int.from_bytes(packed[:_SEQ], "big"), int.from_bytes(packed[_SEQ:], "big"))

    def _seal(self, packed: bytes) -> bytes:
        return blake2b(packed, key=self._key, digest_size=_SEAL).digest()
