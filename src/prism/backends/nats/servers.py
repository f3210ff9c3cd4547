"""The order in which a cluster's servers are tried: both connections of a gateway should go to the same one.

A subscription is known to its own server when it is in place, and to the others a moment later; so what a gateway
publishes is never missed by a subscription that it has just confirmed.
"""

import random
from collections.abc import Sequence
from urllib.parse import urlsplit


class Servers:
    """Those of one configuration, in the order in which they are asked.

    Gateways differ in it, which spreads them over the cluster.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = random.sample(urls, len(urls))

    @property
    def order(self) -> list[str]:
        """The one that was reached last, then the others."""
        return list(self._urls)

    def reached(self, address: str) -> None:
        """A connection to that host and port was made."""
        self._urls.sort(key=lambda url: urlsplit(url).netloc != address)
