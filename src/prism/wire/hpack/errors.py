"""What decoding a header block may end with."""


class HpackError(Exception):
    """A block that cannot be decoded: the connection must end with COMPRESSION_ERROR (RFC 9113, section 4.3)."""


class HeaderListTooLarge(Exception):
    """The fields exceed max_list_size; the dynamic table has followed the whole block, so the connection may go on.

    `size` is what they count.
    """

    def __init__(self, limit: int, size: int) -> None:
        super().__init__(f"the header list counts {size} bytes: it must not exceed {limit}")
        self.size = size
