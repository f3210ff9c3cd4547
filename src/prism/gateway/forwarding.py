"""The address of a caller behind HTTP proxies that are trusted: what `X-Forwarded-For` or `Forwarded` says of it.

Each proxy adds who called it at the end. So the list is read from its end, as far as trusted proxies wrote it: what
stands before the first address that is not one of theirs could be said by any caller. Source: RFC 7239.
"""

import re
from typing import Final, Literal

from prism.wire import Metadata, Peer
from prism.wire.networks import Networks, address_of

Header = Literal["x-forwarded-for", "forwarded"]

_MAX_HOPS: Final = 50
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_BALANCED: Final = re.compile(rf'(?:{_QUOTED}|[^"])*')
_ELEMENT: Final = re.compile(rf'(?:{_QUOTED}|[^",])+')
_FOR: Final = re.compile(rf'(?:^|;)\s*for\s*=\s*({_QUOTED}|[^";\s]+)\s*(?=;|$)', re.IGNORECASE)
_PORT: Final = re.compile(r":[0-9]{1,5}")


class Forwarding:
    """Finds callers' addresses.

    Args:
        trusted: the proxies.
        header: which one they write.
    """

    __slots__ = ("_header", "_trusted")

    def __init__(self, trusted: Networks, header: Header) -> None:
        self._trusted = trusted
        self._header = header

    def address(self, peer: Peer, metadata: Metadata) -> str:
        """Of the caller: the peer's, with its port, unless that is a trusted proxy that names another."""
        found = peer.address
        if _host(found) not in self._trusted:
            return found
        said = ",".join(str(value) for value in metadata.get_all(self._header))
        for hop in self._hops(said):
            host = _host(hop)
            if address_of(host) is None:
                break  # a name, `unknown`, or garbage: no one is to be found behind it
            found = host
            if host not in self._trusted:
                break
        return found

    def _hops(self, said: str) -> list[str]:
        """The nearest first."""
        if self._header == "x-forwarded-for":
            return [each.strip() for each in reversed(said.rsplit(",", _MAX_HOPS)[-_MAX_HOPS:])]
        if not _BALANCED.fullmatch(said):
            return []  # a caller's open quotation mark would take in what the proxies have added
        elements = _ELEMENT.findall(said)[-_MAX_HOPS:]
        return [_named(each.strip()) for each in reversed(elements)]


def _named(element: str) -> str:
    """What an element of `Forwarded` says after `for=`; empty for nothing."""
    found = _FOR.search(element)
    return found[1].strip('"') if found else ""


def _host(address: str) -> str:
    """Without port and brackets."""
    if address[:1] == "[":
        host, end, port = address[1:].partition("]")
        return host if end and (not port or _PORT.fullmatch(port)) else ""
    host, colon, _ = address.partition(":")
    return host if colon and address.count(":") == 1 and _PORT.fullmatch(address, len(host)) else address
