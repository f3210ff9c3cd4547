"""The decoder of header blocks: native where that is installed, else the reference. Both read and refuse the same."""

from prism.wire.hpack import reference
from prism.wire.hpack.errors import HeaderListTooLarge, HpackError
from prism.wire.native import native

__all__ = ["Decoder", "HeaderListTooLarge", "HpackError"]

Decoder: type[reference.Decoder] = reference.Decoder if native is None else native.Decoder
