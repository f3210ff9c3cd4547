"""What browsers make of objects: nothing that could act in the name of the gateway's origin, unless it is let."""

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import OBJECTS, Site
from prism.client import Client
from prism.config.sections.policy import PolicySection
from prism.config.sections.root import Config
from prism.gateway.objects_http.browsers import may_show
from prism.interfaces import objectstore as messages

PAGE = "https://app.example.com"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", "attachment"),
        ("inline", "attachment"),
        ("attachment", "attachment"),
        ('attachment; filename="a.txt"', 'attachment; filename="a.txt"'),
        ('ATTACHMENT; filename="a.txt"', 'ATTACHMENT; filename="a.txt"'),
        ('inline; filename="a.html"', 'attachment; filename="a.html"'),
        ("x; attachment", "attachment; attachment"),
    ],
)
async def test_objects_are_saved_and_not_shown(site: Site, said: str, shown: str) -> None:
    """Whatever its writer says of it."""
    await site.put("k", b"<script>", content_type="text/html", content_disposition=said)
    got = await site.ask("GET", f"{OBJECTS}/k")
    assert got.headers["content-disposition"] == shown
    assert got.headers["content-type"] == "text/html"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("content_type", "inline"),
    [
        ("image/png", True),
        ("IMAGE/PNG", True),
        ("text/plain; charset=utf-8", True),
        ("image/svg+xml", False),
        ("image/SVG", False),
        ("text/html", False),
        ("application/pdf", False),
        ("", False),
    ],
)
async def test_a_namespace_may_let_types_be_shown(content_type: str, inline: bool) -> None:
    """Those that its policy lists, and never what could run."""
    policy = PolicySection.model_validate({"inline_types": ["image/*", "text/plain"]})
    async with sites.site(policy=policy) as site:
        await site.put("k", b"x", content_type=content_type)
        got = await site.ask("GET", f"{OBJECTS}/k")
        assert got.headers["content-disposition"] == ("inline" if inline else "attachment")


@pytest.mark.parametrize(
    "listed", ["text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "text/javascript", "*/*", "image", ""]
)
def test_no_policy_lets_what_could_run_be_shown(listed: str) -> None:
    """It is refused where it is written, and would have no effect."""
    with pytest.raises(ValueError, match="inline_types"):
        PolicySection.model_validate({"inline_types": [listed]})
    assert not may_show("text/html", {listed, "*/*", "text/*"})


async def test_headers_are_not_injected(site: Site) -> None:
    """What is stored by another way in, and HTTP cannot say, is left out or encoded; never a line of its own."""
    evil = "x\r\nset-cookie: a=b\r\n\r\n<script>"
    async with Client(site.address) as prism:
        await prism.objects().put("k", b"x", metadata={"note": evil, "uni": "\u20ac\u0085\u2028"})
    got = await site.ask("GET", f"{OBJECTS}/k")
    assert "set-cookie" not in got.headers
    assert got.headers["prism-meta-note"] == "x%0D%0Aset-cookie: a=b%0D%0A%0D%0A%3Cscript%3E".replace(
        "%3C", "<"
    ).replace("%3E", ">")
    assert got.headers["prism-meta-uni"] == "%E2%82%AC%C2%85%E2%80%A8"
    refused = await site.ask("PUT", f"{OBJECTS}/k", b"x", content_type="text/\x80plain")
    assert refused.status == 400


def test_what_others_have_stored_is_no_header() -> None:
    """A store may hold what no header can: it is left out."""
    from prism.gateway.objects_http.browsers import shown_as
    from prism.gateway.objects_http.properties import headers_of

    said = messages.Properties(
        content_type="a\r\nb: c", content_disposition="inline\r\nx: y", cache_control="\u20ac", content_encoding="a\0"
    )
    said.metadata["Not\nA: Name"] = "x"
    found = messages.Object(etag='x"y', version="\u20ac", properties=said)
    assert shown_as(found, ()) == [("content-type", "application/octet-stream"), ("content-disposition", "attachment")]
    assert {name for name, _ in headers_of(found)} == {"last-modified", "accept-ranges"}


async def test_pages_that_are_listed_may_call() -> None:
    """By the origins of the gateway: a preflight needs no credentials, and answers may be read with their headers."""
    config = Config.model_validate({"gateway": {"cors": {"origins": [PAGE]}}})
    async with sites.site(config) as site:
        asked = {"access_control_request_method": "PUT", "access_control_request_headers": "content-type,prism-meta-x"}
        preflight = await site.ask("OPTIONS", f"{OBJECTS}/k", origin=PAGE, **asked)
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert "PUT" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == "content-type,prism-meta-x"
        assert "access-control-allow-credentials" not in preflight.headers
        await site.put("k", b"x", prism_meta_x="1")
        got = await site.ask("GET", f"{OBJECTS}/k", origin=PAGE, range="bytes=0-0")
        assert (got.status, got.headers["content-length"]) == (206, "1")
        assert got.headers["access-control-allow-origin"] == PAGE
        exposed = got.headers["access-control-expose-headers"].split(", ")
        assert {"etag", "content-range", "prism-meta-x"} <= set(exposed)
        other = await site.ask("GET", f"{OBJECTS}/k", origin="https://evil.example.com")
        assert "access-control-allow-origin" not in other.headers
        assert (await site.ask("OPTIONS", f"{OBJECTS}/k", origin="https://evil.example.com")).status == 403
        odd = await site.ask("OPTIONS", f"{OBJECTS}/k", origin=PAGE, access_control_request_headers="a: b")
        assert odd.headers["access-control-allow-headers"].startswith("authorization")


async def test_a_namespace_has_origins_of_its_own() -> None:
    """In place of the gateway's, for its objects alone; none at all where its list is empty."""
    config = Config.model_validate({"gateway": {"cors": {"origins": [PAGE]}}})
    own = "https://photos.example.com"
    for listed, may in (([own], {own}), ([], set()), (None, {PAGE})):
        policy = PolicySection.model_validate({} if listed is None else {"cors_origins": listed})
        async with sites.site(config, policy) as site:
            await site.put("k", b"x")
            for page in (PAGE, own):
                got = await site.ask("GET", f"{OBJECTS}/k", origin=page)
                assert got.headers.get("access-control-allow-origin") == (page if page in may else None)
                preflight = await site.ask("OPTIONS", f"{OBJECTS}/k", origin=page, access_control_request_method="PUT")
                assert ("access-control-allow-methods" in preflight.headers) == (page in may)
            other = await site.ask("GET", "/objects/nowhere/k", origin=PAGE)
            assert other.headers["access-control-allow-origin"] == PAGE


def test_an_origin_of_a_policy_is_a_web_origin() -> None:
    """It is refused where it is written."""
    with pytest.raises(ValueError, match="cors_origins"):
        PolicySection.model_validate({"cors_origins": ["photos.example.com/"]})
