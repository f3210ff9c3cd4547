"""Which web pages may call."""

import pytest

from gateway.connect.door import KEYVALUE, opened
from prism.gateway.connect import Cors

APP = "https://app.example.com"
PREFLIGHT = {"origin": APP, "access-control-request-method": "POST"}


async def test_a_listed_page_may_call() -> None:
    """Its preflight allows what Connect needs, and its answers and errors are readable."""
    async with opened(Cors([APP])) as door:
        preflight = await door.ask("OPTIONS", f"{KEYVALUE}/Get", headers=PREFLIGHT)
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == APP
        assert preflight.headers["access-control-allow-methods"] == "GET, POST"
        allowed = preflight.headers["access-control-allow-headers"].split(", ")
        assert {"content-type", "connect-protocol-version", "connect-timeout-ms", "prism-namespace"} <= set(allowed)
        assert preflight.headers["vary"] == "origin"
        for operation, status in (("ListRecords", 200), ("Nothing", 404)):
            reply = await door.post(operation, {}, origin=APP)
            assert (reply.status, reply.headers["access-control-allow-origin"]) == (status, APP)
            assert "retry-after" in reply.headers["access-control-expose-headers"]


async def test_another_page_may_not() -> None:
    """Its preflight is refused by name, and its answers are not made readable."""
    async with opened(Cors([APP])) as door:
        preflight = await door.ask(
            "OPTIONS", f"{KEYVALUE}/Get", headers={**PREFLIGHT, "origin": "https://evil.example"}
        )
        assert preflight.status == 403
        assert "https://evil.example" in preflight.json["message"]
        assert "access-control-allow-origin" not in preflight.headers
        reply = await door.post("ListRecords", {}, origin="https://evil.example")
        assert "access-control-allow-origin" not in reply.headers
        assert reply.headers["vary"] == "origin"


async def test_every_page() -> None:
    """The star allows all, without credentials."""
    async with opened(Cors(["*"])) as door:
        reply = await door.post("ListRecords", {}, origin="https://any.example")
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in reply.headers


async def test_off_by_default() -> None:
    """Without a policy no page may call, and no header speaks of CORS."""
    async with opened() as door:
        preflight = await door.ask("OPTIONS", f"{KEYVALUE}/Get", headers=PREFLIGHT)
        assert preflight.status == 405
        reply = await door.post("ListRecords", {}, origin=APP)
        assert reply.status == 200
        assert not [name for name in reply.headers if name.startswith("access-control") or name == "vary"]


@pytest.mark.parametrize("origin", ["app.example.com", "https://app.example.com/", "https://a b", "null", ""])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    """A policy that could never match is a mistake, said where it is made."""
    with pytest.raises(ValueError, match="is not a valid origin"):
        Cors([origin])
