"""Networks of IP addresses, and which addresses are in them."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


class Networks:
    """Some networks, by their CIDR; an address without a length is a network of one.

    Raises:
        ValueError: one is not a network.
    """

    __slots__ = ("_contains", "_networks", "names")

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(name) for name in self.names)
        self._contains = lru_cache(maxsize=1024)(self._look)

    def __contains__(self, host: str) -> bool:
        return self._contains(host)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def _look(self, host: str) -> bool:
        address = address_of(host)
        return address is not None and any(address in network for network in self._networks)


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, as which it was written: IPv4 in IPv6 is IPv4; None for a name and all else."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
