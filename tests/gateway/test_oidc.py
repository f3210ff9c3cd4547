"""A stock OpenID Connect server that is down, comes, rotates its keys and goes: what each does to callers."""

import asyncio
from pathlib import Path

import jwt
import pytest

from gateway.issuer import rsa_key
from gateway.policed import policed
from oidc_server import OidcServer
from prism.errors import GatewayUnavailable, Unauthenticated


@pytest.mark.slow
async def test_the_life_of_an_issuer(oidc_modules: Path) -> None:
    """Down at the start: UNAVAILABLE; there: by discovery; a new key: at once; away: tokens are checked on."""
    server = OidcServer(oidc_modules)
    method = {"type": "oidc", "issuer": server.url, "audiences": ["prism"], "algorithms": ["RS256", "ES256"]}
    async with policed({"methods": [method]}) as world:
        with pytest.raises(GatewayUnavailable) as caught:
            await world.ask(authorization=f"Bearer {_token_of(server.url)}")
        assert (caught.value.reason, caught.value.retry_after) == ("KEYS_UNAVAILABLE", 2.0)
        await asyncio.to_thread(server.start)
        try:
            token = await asyncio.to_thread(server.token, aud="prism", sub="alice")
            await world.ask(authorization=f"Bearer {token}")
            with pytest.raises(Unauthenticated):
                await world.ask(authorization=f"Bearer {_token_of(server.url)}")
            await asyncio.to_thread(server.key, "second", "ES256")
            tokens = [await asyncio.to_thread(server.token, aud="prism", sub="bob", jti=str(each)) for each in range(2)]
            for each in tokens:  # one by each key
                await world.ask(authorization=f"Bearer {each}")
            unused = await asyncio.to_thread(server.token, aud="prism", sub="carol")
        finally:
            await asyncio.to_thread(server.stop)
        await world.ask(authorization=f"Bearer {token}")
        await world.ask(authorization=f"Bearer {unused}")


def _token_of(issuer: str) -> str:
    """A token that says it is the issuer's, of a key that nobody knows."""
    return jwt.encode({"iss": issuer, "aud": "prism", "sub": "m", "exp": 4102444800}, rsa_key(), "RS256", {"kid": "x"})
