"""The decoder of header blocks."""

from prism.wire.hpack.errors import HeaderListTooLarge, HpackError
from prism.wire.hpack.reference import Decoder

__all__ = ["Decoder", "HeaderListTooLarge", "HpackError"]
