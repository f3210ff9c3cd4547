"""Pages of a listing over what a store gives in order: what is on them, and how much is read for them."""

from collections.abc import Sequence

from prism.context import Context
from prism.interfaces import objectstore as o
from prism.sdk.objectstore.listing import after_prefix, listed

HERE = Context("n")


class Keys:
    """A store of keys.

    Attributes:
        read: objects that were asked for and given.
    """

    def __init__(self, *keys: str) -> None:
        self._keys = sorted(key.encode() for key in keys)
        self.read = 0

    async def fetch(self, begin: bytes, before: bytes | None, limit: int) -> Sequence[o.Object]:
        """As `listed` asks."""
        found = [key for key in self._keys if key >= begin and (before is None or key < before)][:limit]
        self.read += len(found)
        return [o.Object(key=key.decode()) for key in found]

    async def all(self, **request: object) -> list[str]:
        """All pages."""
        names: list[str] = []
        cursor = b""
        while True:
            page = await listed(o.ListRequest(cursor=cursor, **request), HERE, self.fetch)  # type: ignore[arg-type]
            names += [each.object.key or each.prefix for each in page.entries]
            cursor = page.next_cursor
            if not cursor:
                return names


async def test_a_prefix_is_not_read_through() -> None:
    """Of many objects under one prefix a few are read: 100 prefixes of 1,000 objects each cost some hundreds."""
    store = Keys(*(f"{folder:02}/{number:03}" for folder in range(100) for number in range(1000)))
    assert await store.all(delimiter="/") == [f"{folder:02}/" for folder in range(100)]
    assert store.read < 1000


async def test_objects_between_prefixes() -> None:
    """Both in order, whatever the sizes of pages and of what is read ahead."""
    keys = [f"a{number:03}" for number in range(50)] + [f"b{n}/{m}" for n in range(20) for m in range(7)] + ["c"]
    expected = [*keys[:50], *sorted({f"b{n}/" for n in range(20)}), "c"]
    for limit in (1, 3, 4, 5, 16, 70, 71, 72, 1000):
        assert await Keys(*keys).all(delimiter="/", limit=limit) == expected
        assert await Keys(*keys).all(limit=limit) == sorted(keys)


async def test_a_long_page_ends_by_bytes() -> None:
    """About a megabyte of entries, and the next page goes on."""
    keys = [f"{number:04}" + "x" * 1020 for number in range(2500)]
    first = await listed(o.ListRequest(limit=1000), HERE, Keys(*keys).fetch)
    assert len(first.entries) == 1000
    assert await Keys(*keys).all(limit=1000) == keys


def test_what_is_behind_a_prefix() -> None:
    """The first key that does not begin with it."""
    assert after_prefix(b"a/") == b"a0"
    assert after_prefix(b"a\xff\xff") == b"b"
    assert after_prefix(b"\xff") is None
