"""Lists in pages: an async iterator over the elements, which fetches pages as needed, or over the pages themselves."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_PAGE_SIZE = 1000


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list.

    Attributes:
        elements: in the order asked for.
        next_cursor: where the next page of the same request begins; empty on the last page.
    """

    elements: tuple[T, ...]
    next_cursor: bytes


class Pager(Generic[T]):
    """A list that is fetched as it is read: `async for element in pager`, or `async for page in pager.pages()`.

    Each iteration starts from the beginning. A page that fails is fetched again as the client's retry policy allows.
    """

    def __init__(
        self,
        fetch: Callable[[bytes, int], Awaitable[Page[T]]],
        *,
        limit: int | None,
        page_size: int,
        cursor: bytes,
    ) -> None:
        if limit is not None and limit < 0:
            raise ValueError(f"limit is {limit}; give 0 or more, or None for no limit")
        if not 0 < page_size <= MAX_PAGE_SIZE:
            raise ValueError(f"page_size is {page_size}; give 1 to {MAX_PAGE_SIZE}")
        self._fetch = fetch
        self._limit = limit
        self._page_size = page_size
        self._cursor = cursor

    async def pages(self) -> AsyncGenerator[Page[T], None]:
        """The pages, for callers that pass cursors on."""
        cursor, left = self._cursor, self._limit
        while left is None or left > 0:
            page = await self._fetch(cursor, self._page_size if left is None else min(left, self._page_size))
            yield page
            cursor = page.next_cursor
            if not cursor:
                return
            if left is not None:
                left -= len(page.elements)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for element in page.elements:
                yield element
