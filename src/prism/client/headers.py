"""The headers of every call on one namespace: the namespace, the caller's token, and what the application adds."""

from collections.abc import Awaitable, Callable, Mapping

from prism.wire import KnownFields, Metadata

Token = str | Callable[[], str | Awaitable[str]]
"""A bearer token, or a function (plain or async) that returns the one to use now."""

Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""More headers by lower-case name, or a function that returns those of the current call, such as `traceparent`."""


class NamespaceHeaders:
    """Builds a call's metadata; built once where neither token nor headers are functions. `known` is the client's.

    Raises:
        ValueError: the namespace, the token or a header holds characters that a header cannot hold.
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
        """The metadata of a call that starts now; an awaitable only where the token is one."""
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
            raise ValueError(self._problem(token) or str(error)) from None

    def _problem(self, token: str | None) -> str:
        """What is wrong, by the names of the arguments; the token itself is not shown."""
        if not _is_header_text(self._namespace):
            return f"{self._namespace!r} is not a valid namespace name; give 1 to 63 characters of a-z 0-9 . -"
        if token is not None and not _is_header_text(f"Bearer {token}"):
            return "the token is not one line of printable ASCII; give it as issued, without a line break at its end"
        return ""


def _is_header_text(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable() and text == text.strip(" ")
