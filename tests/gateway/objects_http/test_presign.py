"""Presigned addresses: for one object and one method, until they expire, by the right of their signer."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import OBJECTS, Site
from prism.client import Client, InvalidArgument, PermissionDenied, Unimplemented
from prism.config.sections.authentication import KEY_PREFIX
from prism.config.sections.root import Config
from prism.gateway.objects_http import ObjectsHttp, presign
from prism.wire import HttpResponse

KEY = "k" * 40
SECRET = "s" * 40


def api_key(name: str, **more: Any) -> Mapping[str, Any]:
    """A key that is the name, four times and more."""
    return {"name": name, "hash": f"sha256:{hashlib.sha256(secret(name).encode()).hexdigest()}", **more}


def secret(name: str) -> str:
    """The key of a caller."""
    return f"{KEY_PREFIX}{name}-{KEY}"


ALL = {"principals": ["*"], "namespaces": ["default"], "operations": ["read", "write"]}
READ = {"groups": ["readers"], "namespaces": ["default"], "operations": ["read"]}
PUT = {"groups": ["putters"], "namespaces": ["default"], "operations": ["write"], "abstractions": ["objectstore"]}


def keys(*given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The section."""
    return {"methods": [{"type": "api_keys", "keys": list(given)}]}


@pytest.fixture
async def guarded() -> AsyncIterator[Site]:
    """A port with authentication, and a key to sign with."""
    config = Config.model_validate({"gateway": {"presign_keys": [SECRET]}})
    async with sites.site(config) as made:
        made.configure(keys(api_key("ann"), api_key("bob", groups=["readers"])), [ALL | {"principals": ["ann"]}, READ])
        yield made


async def address(site: Site, key: str, caller: str = "ann", *args: Any, **given: Any) -> str:
    """A presigned address."""
    async with Client(site.address, token=secret(caller)) as prism:
        return (await prism.objects().presign(key, *args, **given)).url


async def test_an_address_gives_its_object(guarded: Site) -> None:
    """And nothing else: no other key, no other method, no listing, not changed, not without it."""
    async with Client(guarded.address, token=secret("ann")) as prism:
        await prism.objects().put("a/b c", b"0123456789")
        await prism.objects().put("other", b"x")
    url = await address(guarded, "a/b c")
    assert url.startswith("/objects/default/a/b%20c?prism-signed=")
    assert (await guarded.ask("GET", url)).body == b"0123456789"
    assert (await guarded.ask("HEAD", url)).headers["content-length"] == "10"
    assert (await guarded.ask("GET", url, range="bytes=1-2")).body == b"12"
    assert (await guarded.ask("PUT", url, b"x")).status == 401
    assert (await guarded.ask("DELETE", url)).status == 401
    query = url.partition("?")[2]
    for target in ("other", "a/b%20", "", "?key=other"):
        assert (await guarded.ask("GET", f"{OBJECTS}/{target}{'&' if '?' in target else '?'}{query}")).status == 401
    assert (await guarded.ask("GET", f"/objects/other/a/b%20c?{query}")).status == 401
    assert (await guarded.ask("GET", url[:-1] + ("A" if url[-1] != "A" else "B"))).status == 401
    assert (await guarded.ask("GET", url.replace("=ey", "=eY"))).status == 401
    assert (await guarded.ask("GET", f"{OBJECTS}/a/b%20c?prism-signed=")).status == 401
    assert (await guarded.ask("GET", f"{OBJECTS}/a/b%20c")).status == 401


async def test_an_address_takes_one_object(guarded: Site) -> None:
    """As large, and of the type, as it was signed for; by a length that says so, and by chunks that do not."""
    url = await address(guarded, "new", "ann", "PUT", max_size=5, content_type="text/plain")
    assert (await guarded.ask("PUT", url, b"12345")).status == 401
    assert (await guarded.ask("PUT", url, b"12345", content_type="text/html")).status == 401
    assert (await guarded.ask("PUT", url, b"123456", content_type="text/plain")).status == 413
    chunked = {"transfer_encoding": "chunked", "content_type": "text/plain"}
    assert (await guarded.ask("PUT", url, b"6\r\n123456\r\n0\r\n\r\n", **chunked)).status == 413
    async with Client(guarded.address, token=secret("ann")) as prism:
        assert await prism.objects().head("new") is None
        assert (await guarded.ask("PUT", url, b"12345", content_type="text/plain")).status == 201
        assert await prism.objects().read("new") == b"12345"
    assert (await guarded.ask("GET", url)).status == 401
    assert (await guarded.ask("PUT", f"{url}&upload=x&part=1", b"1", content_type="text/plain")).status == 401


async def test_the_stores_own_address_gives_no_more_than_the_rules(guarded: Site) -> None:
    """Signing asks for the right to read; an one that puts is for those who may write, as no gateway sees its use."""
    rules = [ALL | {"principals": ["ann"]}, READ, PUT]
    cat = api_key("cat", groups=["readers", "putters"])
    dan = api_key("dan", groups=["putters"])
    guarded.configure(keys(api_key("ann"), api_key("bob", groups=["readers"]), cat, dan), rules)
    for caller, method in (("bob", "PUT"), ("dan", "PUT"), ("dan", "GET")):
        with pytest.raises(PermissionDenied, match=r"may not (write|read)"):
            await address(guarded, "k", caller, method, direct=True)
    for caller, method in (("ann", "PUT"), ("ann", "GET"), ("bob", "GET"), ("cat", "PUT")):
        with pytest.raises(Unimplemented, match="direct_presign"):  # of this store: nothing else stood in its way
            await address(guarded, "k", caller, method, direct=True)


async def test_an_address_gives_no_other_version(guarded: Site) -> None:
    """It was signed for the object: what was replaced or removed is not in it."""
    async with Client(guarded.address, token=secret("ann")) as prism:
        first = await prism.objects().put("k", b"secret")
        await prism.objects().put("k", b"x")
    url = await address(guarded, "k")
    for more in (f"version={first.version}", "version=", "cursor=x", "prefix=k"):
        assert (await guarded.ask("GET", f"{url}&{more}")).status == 401
        assert (await guarded.ask("HEAD", f"{url}&{more}")).status == 401
    assert (await guarded.ask("GET", f"{url}&other=1")).body == b"x"  # what means nothing changes nothing


async def test_an_address_expires(guarded: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its second."""
    async with Client(guarded.address, token=secret("ann")) as prism:
        await prism.objects().put("k", b"x")
    url = await address(guarded, "k", expires=60)
    assert (await guarded.ask("GET", url)).status == 200
    now = presign.time()
    monkeypatch.setattr(presign, "time", lambda: now + 62)
    assert (await guarded.ask("GET", url)).status == 401


async def test_an_address_is_void_when_its_signers_right_is(guarded: Site) -> None:
    """By the rules, by what its key is confined to, by revocation, and by the end of its key."""
    async with Client(guarded.address, token=secret("ann")) as prism:
        await prism.objects().put("k", b"x")
    url, write = await address(guarded, "k", "bob"), await address(guarded, "k", "bob", "PUT")
    assert (await guarded.ask("GET", url)).status == 200
    # Signing asks for no more than reading; what counts is the right to write when it is used.
    assert (await guarded.ask("PUT", write, b"y")).status == 403
    bob = api_key("bob", groups=["readers"])
    guarded.configure(keys(api_key("ann")), [READ])
    assert (await guarded.ask("GET", url)).status == 401
    guarded.configure(keys(bob), [ALL | {"principals": ["ann"]}])
    assert (await guarded.ask("GET", url)).status == 403
    guarded.configure({**keys(bob), "revoked": ["bob"]}, [READ])
    assert (await guarded.ask("GET", url)).status == 401
    guarded.configure(keys(bob), [READ])
    assert (await guarded.ask("GET", url)).status == 200
    confined = await address(guarded, "k", "bob")
    assert (await guarded.ask("GET", confined)).status == 200


async def test_no_address_without_the_right(guarded: Site) -> None:
    """Who may not read may not sign."""
    guarded.configure(keys(api_key("eve"), api_key("ann")), [ALL | {"principals": ["ann"]}])
    with pytest.raises(PermissionDenied):
        await address(guarded, "k", "eve")


async def test_any_gateway_with_the_key_believes(guarded: Site) -> None:
    """And none without it; the first key signs, those behind it are believed still."""
    url = await address(guarded, "k")
    for config, status in (
        (Config.model_validate({"gateway": {"presign_keys": ["n" * 32, SECRET]}}), 404),
        (Config.model_validate({"gateway": {"presign_keys": ["n" * 32]}}), 401),
        (Config(), 401),
    ):
        async with sites.site(config) as other:
            other.configure(keys(api_key("ann")), [ALL])
            assert (await other.ask("GET", url)).status == status


async def test_an_open_gateway_signs_too(site: Site) -> None:
    """Where there is no authentication an address is only a name; it ends when there is."""
    await site.put("k")
    url = await address(site, "k")
    assert (await site.ask("GET", url)).body == b"hello"
    site.configure(keys(api_key("ann")), [ALL])
    assert (await site.ask("GET", url)).status == 401


@pytest.mark.parametrize("key", ["a//b", "/a", "a/", "../a", "a/./b", "\u20ac?&=+%#", 'a"b<c>'])
async def test_every_key_has_an_address(site: Site, key: str) -> None:
    """In the path where nothing on the way takes that for another, in the query elsewhere."""
    async with Client(site.address) as prism:
        await prism.objects().put(key, b"x")
    url = await address(site, key)
    assert "/../" not in url
    assert "//" not in url.partition("?")[0]
    assert (await site.ask("GET", url)).body == b"x"


@pytest.mark.parametrize(
    "given", [{"expires": 0.5}, {"expires": 8 * 86_400}, {"max_size": 1}, {"content_type": "text/plain"}]
)
async def test_what_cannot_be_signed(site: Site, given: dict[str, Any]) -> None:
    """Too long, or limits of what is put for what is got."""
    with pytest.raises(InvalidArgument):
        await address(site, "k", **given)


async def test_no_log_holds_an_address(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What is logged of a request that fails, or takes too long, is its path alone."""
    await site.put("k")
    url = await address(site, "k")
    token = url.partition("prism-signed=")[2]

    async def broken(_: object) -> HttpResponse:
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ObjectsHttp, "__call__", broken)
        assert (await site.ask("GET", url)).status == 500
    assert "/objects/default/k" in caplog.text
    assert token not in caplog.text
