"""The headers of every call on one namespace: the namespace, the caller's token, and what the application adds."""

from collections.abc import Awaitable, Callable, Mapping

from prism.wire import KnownFields, Metadata

Token = str | Callable[[], str | Awaitable[str]]
"""A bearer token, or a function (plain or async) that gives the one to use now."""

Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""Further headers by lower-case name, or a function that gives those of the call at hand, such as `traceparent`."""


class NamespaceHeaders:
    """Builds a call's metadata; made once and kept where nothing about it can change. `known` is the client's.

    Raises:
        ValueError: the namespace, the token or a header cannot travel.
    """

    __slots__ = ("_headers", "_known", "_namespace", "_token", "fixed")

    def __init__(self, namespace: str, token: Token | None, headers: Headers, known: KnownFields) -> None:
        self._namespace = namespace
        self._token = token
        self._headers = headers
        self._known = known
        self.fixed: Metadata | None = None
        if not callable(token) and not callable(headers):
            self.fixed = self._build(token, headers)

    def current(self) -> Metadata | Awaitable[Metadata]:
        """The metadata of a call that starts now; to be awaited only where the token is."""
        if self.fixed is not None:
            return self.fixed
        token = self._token() if callable(self._token) else self._token
        if token is None or isinstance(token, str):
            return self._build(token, self._headers() if callable(self._headers) else self._headers)
        return self._with(token)

    async def _with(self, token: Awaitable[str]) -> Metadata:
        return self._build(await token, self._headers() if callable(self._headers) else self._headers)

    def _build(self, token: str | None, headers: Mapping[str, str]) -> Metadata:
        pairs = [("prism-namespace", self._namespace), *headers.items()]
        if token is not None:
            pairs.append(("authorization", f"Bearer {token}"))
        try:
            return Metadata(pairs, self._known)
        except ValueError as error:
            raise ValueError(self._objection(token) or str(error)) from None

    def _objection(self, token: str | None) -> str:
        """What is wrong in the caller's own words; a token is not repeated."""
        if not _travels(self._namespace):
            return f"no namespace can be called {self._namespace!r}; give 1 to 63 characters of a-z 0-9 . -"
        if token is not None and not _travels(f"Bearer {token}"):
            return "the token is no line of printable ASCII; give it as it was issued, without a line break at its end"
        return ""


def _travels(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and text == text.strip(" ")
