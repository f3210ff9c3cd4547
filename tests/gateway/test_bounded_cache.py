"""What is remembered for speed is bounded, and strangers cannot fill it."""

import hashlib

from gateway.policed import EVERYTHING, policed
from prism.errors import PermissionDenied, PrismError, Unauthenticated
from prism.gateway.bounded_cache import BoundedCache

KEY = "prism_0123456789"


def test_the_oldest_makes_room() -> None:
    """As many as it holds, and what is replaced takes no more room."""
    memory: BoundedCache[str, int] = BoundedCache(2)
    for number, key in enumerate(("a", "b", "b", "c")):
        memory.keep(key, number)
    assert (len(memory), memory.get("a"), memory.get("b"), memory.get("c")) == (2, None, 2, 3)


async def test_credentials_that_are_refused_are_not_remembered() -> None:
    """However many a stranger invents, the one that is known stays known; of good ones no more than configured."""
    digests = [hashlib.sha256(f"{KEY}{number}".encode()).hexdigest() for number in range(5)]
    keys = [{"name": f"n{number}", "hash": f"sha256:{digest}"} for number, digest in enumerate(digests)]
    methods = {"methods": [{"type": "api_keys", "keys": keys}], "remembered": 3}
    async with policed(methods) as world:
        assert world.chain_state.authenticate is not None
        (method,) = world.chain_state.authenticate._methods
        memory = method._known  # type: ignore[attr-defined]
        for number in range(100):
            try:
                await world.ask(authorization=f"Bearer {KEY}-{number}")
            except Unauthenticated:
                continue
            raise AssertionError("an unknown key was accepted")
        assert len(memory) == 0
        for number in range(5):
            await world.ask(authorization=f"Bearer {KEY}{number}")
        assert len(memory) == 3


async def test_decisions_on_names_that_no_namespace_has_are_not_remembered() -> None:
    """A name may be as long as a header; decisions on the others are bounded like all that is remembered."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    keys = [{"name": "ci", "hash": f"sha256:{digest}"}]
    users = {"methods": [{"type": "api_keys", "keys": keys}]}
    async with policed(users, EVERYTHING) as world:
        authorize = world.chain_state._authorize
        assert authorize is not None
        for length in (10, 63, 64, 1000):
            try:
                await world.ask(namespace="n" * length, authorization=f"Bearer {KEY}")
            except PrismError as error:
                assert isinstance(error, PermissionDenied) == (length > 63)  # noqa: PT017  # the others are not found
        assert len(authorize._decisions) == 2
