"""Who is let in: every kind of credential, good and bad, on the data path itself."""

import hashlib
import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.issuer import AUDIENCE, Issuer, rsa_key, unsigned
from gateway.policed import EVERYTHING, Policed, policed
from prism.errors import GatewayUnavailable, PermissionDenied, Unauthenticated
from prism.gateway.observers.denials import Denial
from prism.wire import Certificate, Peer, UnixCredentials

REFUSED = "^the credentials were not accepted; get valid ones and send the call again$"
KEY = "prism_0123456789abcdef"


def hashed(key: str) -> str:
    """A key as the configuration has it."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer that is up; tests add no keys to it."""
    issuer = Issuer().start()
    yield issuer
    issuer.stop()


def oidc(issuer: Issuer, **options: Any) -> dict[str, Any]:
    """The method for that issuer."""
    return {"type": "oidc", "issuer": issuer.url, "audiences": [AUDIENCE], **options}


@pytest.fixture
async def world(issuer: Issuer) -> AsyncIterator[Policed]:
    """A gateway that takes tokens, keys, certificates and users of a unix socket."""
    keys = [
        {"name": "ci", "hash": hashed(KEY)},
        {"name": "old", "hash": hashed(f"{KEY}1"), "expires": "2020-01-01T00:00:00Z"},
        {"name": "reader", "hash": hashed(f"{KEY}2"), "operations": ["read"], "namespaces": ["def*"]},
        {"name": "mallory", "hash": hashed(f"{KEY}3")},
    ]
    methods = [
        {"type": "unix", "users": {1000: "operator"}},
        {"type": "mtls"},
        oidc(issuer, groups_claim="realm_access.roles"),
        {"type": "api_keys", "keys": keys},
    ]
    async with policed({"methods": methods, "revoked": ["mallory", "stolen-token"]}, names=("default", "other")) as it:
        yield it


async def who(world: Policed, peer: Peer | None = None, **headers: str) -> str:
    """The name that the gateway finds out."""
    world.configure(world.gateway.snapshot.authentication and world.gateway.snapshot.authentication.model_dump(), [])
    with pytest.raises(PermissionDenied) as caught:
        await world.ask(peer=peer, **headers)
    return caught.value.message.split("'")[1]


async def test_nobody_is_told_what_to_send(world: Policed) -> None:
    """A call without any credential learns which kinds there are."""
    with pytest.raises(Unauthenticated, match=r"required: send .*certificate.* or a bearer token or an API key"):
        await world.ask()


async def test_a_token_is_accepted_and_names_its_subject(world: Policed, issuer: Issuer) -> None:
    """The claim `sub` is the caller's name; a token is verified once and its principal remembered."""
    token = f"Bearer {issuer.token()}"
    await world.ask("Put", authorization=token)
    await world.ask("Get", authorization=token)
    assert await who(world, authorization=token) == "alice"


def confused(issuer: Issuer) -> str:
    """A token signed by HMAC with the issuer's public key as the secret."""
    key = issuer.keys["first"].public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head = unsigned(issuer.claims(), "HS256").rstrip(".")
    digest = hmac.new(pem, head.encode(), hashlib.sha256).digest()
    return f"{head}.{urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def forged(issuer: Issuer) -> str:
    """A token that says it is the issuer's, signed by somebody else's key under the same id."""
    return jwt.encode(issuer.claims(), rsa_key(), "RS256", {"kid": "first"})


def tampered(issuer: Issuer) -> str:
    """A good token with another subject in it."""
    head, _, signature = issuer.token().split(".")
    return f"{head}.{unsigned(issuer.claims(sub='root')).split('.')[1]}.{signature}"


def other_type(issuer: Issuer) -> str:
    """A token that says ES256, under the id of an RSA key."""
    return jwt.encode(issuer.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "first"})


BAD = {
    "forged": (forged, "InvalidSignatureError"),
    "tampered": (tampered, "InvalidSignatureError"),
    "alg none": (lambda issuer: unsigned(issuer.claims()), "the algorithm 'none' is not allowed"),
    "alg None": (lambda issuer: unsigned(issuer.claims(), "None"), "the algorithm 'None' is not allowed"),
    "key confusion": (confused, "the algorithm 'HS256' is not allowed"),
    "key of another type": (other_type, "the issuer has no key 'first' for the token's signature"),
    "algorithm not listed": (
        lambda issuer: jwt.encode(issuer.claims(), issuer.keys["first"], "RS512", {"kid": "first"}),
        "the algorithm 'RS512' is not allowed",
    ),
    "no signature": (lambda issuer: issuer.token().rpartition(".")[0] + ".", "InvalidSignatureError"),
    "expired": (lambda issuer: issuer.token(exp=int(time.time()) - 31), "ExpiredSignatureError"),
    "never expires": (lambda issuer: issuer.token(exp=None), "MissingRequiredClaimError"),
    "not yet": (lambda issuer: issuer.token(nbf=int(time.time()) + 120), "ImmatureSignatureError"),
    "other audience": (lambda issuer: issuer.token(aud="billing"), "InvalidAudienceError"),
    "no audience": (lambda issuer: issuer.token(aud=None), "MissingRequiredClaimError"),
    "no subject": (lambda issuer: issuer.token(sub=None), "is not a single name"),
    "critical header": (lambda issuer: issuer.token(headers={"crit": ["b64"], "b64": True}), "critical headers"),
    "key id is not text": (lambda issuer: unsigned(issuer.claims(), "RS256", "c2lnbmVk", kid=7), "key id"),
    "unknown key": (lambda issuer: issuer.token(headers={"kid": "../first"}), "no key '../first'"),
    "revoked": (lambda issuer: issuer.token(jti="stolen-token"), "is revoked"),
    "revoked name": (lambda issuer: issuer.token(sub="mallory"), "mallory is revoked"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_token_is_refused_and_its_bearer_not_told_why(world: Policed, issuer: Issuer, kind: str) -> None:
    """Each is refused with the same text; the reason goes to whoever listens for denials."""
    heard: list[Denial] = []
    world.gateway.denials.listen(heard.append)
    make, reason = BAD[kind]
    token = make(issuer)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match=REFUSED) as caught:
            await world.ask(authorization=f"Bearer {token}")
    assert caught.value.violations == ()
    assert [reason in each.detail for each in heard] == [True, True], heard[0].detail


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ("Bearer", "does not carry a bearer token"),
        ("Bearer ", "does not carry a bearer token"),
        ("Bearer a.b.c", "not a signed JWT"),
        ("Bearer \x7e.\x7e.", "not a signed JWT"),
        ("Basic YTpi", "does not carry a bearer token"),
        (f"Bearer {'a' * 9000}", "not a signed JWT"),
        (f"Bearer {'a' * 263000}", "longer than 256 KiB"),
        ("x", "does not carry a bearer token"),
    ],
    ids=["no token", "empty token", "three letters", "no base64", "basic", "one part", "too long", "one word"],
)
async def test_what_is_no_credential_is_refused(world: Policed, sent: str, why: str) -> None:
    """A header that no method understands is a bad credential, not none; the operator learns what is wrong with it."""
    heard: list[Denial] = []
    world.gateway.denials.listen(heard.append)
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(authorization=sent.strip())
    assert why in heard[0].detail
    assert "not an API key" in heard[0].detail


async def test_a_token_may_be_as_long_as_headers_may(world: Policed, issuer: Issuer) -> None:
    """One of a caller in many groups."""
    token = issuer.token(groups=[f"{number:08}-0000-0000-0000-000000000000" for number in range(3000)])
    assert 100 << 10 < len(token) < 256 << 10
    await world.ask(authorization=f"Bearer {token}")


async def test_a_token_of_another_issuer_is_nobody_s(world: Policed, issuer: Issuer) -> None:
    """Issuers are told apart by the token's own word, and none is asked about another's; the operator sees both."""
    heard: list[Denial] = []
    world.gateway.denials.listen(heard.append)
    for other in ("https://other.example", f"{issuer.url}/", None, 7):
        with pytest.raises(Unauthenticated, match=REFUSED):
            await world.ask(authorization=f"Bearer {unsigned(issuer.claims(iss=other))}")
    plain, slash, none, number = (each.detail for each in heard)
    assert f"the token's issuer is 'https://other.example', not '{issuer.url}'" in plain
    assert "slash" not in plain
    assert f"the token's issuer is '{issuer.url}/', not '{issuer.url}': they differ in the slash at the end" in slash
    assert "the token does not say its issuer" in none
    assert "the token does not say its issuer" in number


async def test_a_header_where_none_is_read_is_said(issuer: Issuer) -> None:
    """A gateway that knows certificates only: a good token is refused, and the audit trail says why."""
    async with policed({"methods": [{"type": "mtls"}]}) as world:
        heard: list[Denial] = []
        world.gateway.denials.listen(heard.append)
        for header in ({"authorization": f"Bearer {issuer.token()}"}, {"x_api_key": KEY}):
            with pytest.raises(Unauthenticated, match=REFUSED):
                await world.ask(**header)
        assert [each.detail for each in heard] == ["no configured method reads a credential from a header"] * 2


async def test_a_token_is_refused_once_it_has_expired_though_it_was_remembered(
    world: Policed, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remembering ends with the token: here the clock that is looked at is moved on."""
    token = f"Bearer {issuer.token(exp=int(time.time()) + 60)}"
    await world.ask(authorization=token)
    later = time.time() + 60 + 31
    monkeypatch.setattr("prism.gateway.hops.authenticate.time", lambda: later)
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(authorization=token)


async def test_a_token_may_be_confined_to_namespaces(issuer: Issuer) -> None:
    """The claim confines whatever the rules allow; without it the token is good for nothing."""
    methods = [oidc(issuer, namespaces_claim="prism_namespaces")]
    async with policed({"methods": methods}, names=("default", "other")) as world:
        token = f"Bearer {issuer.token(prism_namespaces=['oth*', 'x'])}"
        await world.ask("Put", "other", authorization=token)
        with pytest.raises(PermissionDenied, match="may not write on the namespace 'default'"):
            await world.ask("Put", "default", authorization=token)
        with pytest.raises(PermissionDenied):
            await world.ask("Get", "other", authorization=f"Bearer {issuer.token()}")


async def test_groups_come_from_a_claim_within_a_claim(world: Policed, issuer: Issuer) -> None:
    """As Keycloak writes roles."""
    rules = [{"groups": ["ops"], "namespaces": ["*"], "operations": ["read"]}]
    assert world.gateway.snapshot.authentication is not None
    world.configure(world.gateway.snapshot.authentication.model_dump(), rules)
    await world.ask(authorization=f"Bearer {issuer.token(realm_access={'roles': ['dev', 'ops']})}")
    with pytest.raises(PermissionDenied):
        await world.ask(authorization=f"Bearer {issuer.token(realm_access={'roles': ['dev']})}")


async def test_an_api_key_is_accepted_in_either_header(world: Policed) -> None:
    """As a bearer token, which every client can send, and in `x-api-key`."""
    assert await who(world, authorization=f"Bearer {KEY}") == "ci"
    assert await who(world, x_api_key=KEY) == "ci"


@pytest.mark.parametrize("key", [f"{KEY}1", f"{KEY}3", f"{KEY}9", KEY[:-1], KEY.upper(), hashed(KEY), "prism_"])
async def test_a_bad_api_key_is_refused(world: Policed, key: str) -> None:
    """Expired, revoked, unknown, cut, and the hash in place of the key."""
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(authorization=f"Bearer {key}")


async def test_an_api_key_is_confined_to_what_it_was_made_for(world: Policed) -> None:
    """Rules allow more; the key does not."""
    key = f"Bearer {KEY}2"
    await world.ask("Get", "default", authorization=key)
    for method, namespace in (("Put", "default"), ("Get", "other")):
        with pytest.raises(PermissionDenied):
            await world.ask(method, namespace, authorization=key)


async def test_a_user_of_the_unix_socket_is_known_by_number(world: Policed) -> None:
    """By what the kernel says; a user who is not listed is refused, whatever else the call carries."""
    assert await who(world, Peer("unix:", UnixCredentials(1, 1000, 1000))) == "operator"
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(peer=Peer("unix:", UnixCredentials(1, 0, 0)), authorization=f"Bearer {KEY}")


def certified(common_name: str, *alternatives: tuple[str, str], until: str = "Jan  1 00:00:00 2100 GMT") -> Peer:
    """A peer with a certificate, as `ssl` describes one."""
    fields = {
        "subject": ((("organizationalUnitName", "payments"),), (("commonName", common_name),)),
        "issuer": ((("commonName", "the authority"),),),
        "subjectAltName": alternatives,
        "notAfter": until,
        "serialNumber": "01",
    }
    return Peer("10.0.0.1:1", certificate=Certificate(repr(fields).encode(), fields), tls=True)


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (certified("cn", ("DNS", "a.example"), ("URI", "spiffe://prod/web")), "spiffe://prod/web"),
        (certified("cn", ("DNS", "a.example"), ("URI", "https://a")), "a.example"),
        (certified("cn", ("URI", "spiffe://prod/web"), ("URI", "spiffe://prod/db")), "cn"),
        (certified("cn", ("email", "a@example")), "cn"),
    ],
)
async def test_a_certificate_names_its_bearer_by_rule(world: Policed, peer: Peer, name: str) -> None:
    """SPIFFE id, DNS name, common name, in that order; a certificate with two SPIFFE ids is neither."""
    assert await who(world, peer) == name


async def test_a_certificate_counts_no_more_once_it_has_expired(world: Policed) -> None:
    """The handshake has checked it, but connections live longer than that."""
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(peer=certified("cn", until="Jan  1 00:00:00 2020 GMT"))
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(peer=certified("mallory"))


async def test_methods_are_asked_in_their_order(world: Policed, issuer: Issuer) -> None:
    """A certificate before a token here; whoever has both is whom the first method finds."""
    both = {"authorization": f"Bearer {issuer.token()}"}
    assert await who(world, certified("cn"), **both) == "cn"


async def test_a_reload_revokes_at_once(world: Policed, issuer: Issuer) -> None:
    """What was remembered of a token does not outlive the configuration that accepted it."""
    token = f"Bearer {issuer.token()}"
    await world.ask(authorization=token)
    assert world.gateway.snapshot.authentication is not None
    section = world.gateway.snapshot.authentication.model_dump()
    world.configure({**section, "revoked": ["alice"]}, EVERYTHING)
    with pytest.raises(Unauthenticated, match=REFUSED):
        await world.ask(authorization=token)


async def test_keys_are_fetched_once_and_survive_a_reload(issuer: Issuer) -> None:
    """A reload that leaves the issuer as it was needs the issuer no more than before it."""
    async with policed({"methods": [oidc(issuer)]}) as world:
        await world.ask(authorization=f"Bearer {issuer.token()}")
        asked = issuer.asked
        world.configure({"methods": [oidc(issuer)], "revoked": ["x"]}, EVERYTHING)
        await world.ask(authorization=f"Bearer {issuer.token(sub='bob')}")
        assert issuer.asked == asked


async def test_a_rotated_key_is_found_and_a_withdrawn_one_ends_its_tokens() -> None:
    """A new key id causes one fetch and waits for it; a key that is gone takes what was remembered along."""
    issuer = Issuer().start()
    try:
        async with policed({"methods": [oidc(issuer)]}) as world:
            before = f"Bearer {issuer.token()}"
            await world.ask(authorization=before)
            issuer.keys["second"] = ec.generate_private_key(ec.SECP256R1())
            await world.ask(authorization=f"Bearer {issuer.token()}")
            await world.ask(authorization=before)
            del issuer.keys["first"]
            issuer.keys["third"] = rsa_key()
            await world.ask(authorization=f"Bearer {issuer.token()}")
            with pytest.raises(Unauthenticated, match=REFUSED):
                await world.ask(authorization=before)
    finally:
        issuer.stop()


async def test_unknown_keys_cannot_make_the_gateway_fetch_without_bound() -> None:
    """A stranger's tokens cause a few fetches, and then none for a while."""
    issuer = Issuer().start()
    try:
        async with policed({"methods": [oidc(issuer)]}) as world:
            await world.ask(authorization=f"Bearer {issuer.token()}")
            for number in range(20):
                with pytest.raises(Unauthenticated, match=REFUSED):
                    await world.ask(authorization=f"Bearer {issuer.token(headers={'kid': str(number)})}")
            assert issuer.asked <= 5
            await world.ask(authorization=f"Bearer {issuer.token(sub='bob')}")
    finally:
        issuer.stop()


async def test_an_issuer_that_is_away_is_not_the_caller_s_fault() -> None:
    """Down at the start: UNAVAILABLE, come again; back: tokens are taken; away again: its keys are used on."""
    issuer = Issuer().start()
    token = f"Bearer {issuer.token()}"
    issuer.stop()
    async with policed(
        {"methods": [oidc(issuer), {"type": "api_keys", "keys": [{"name": "ci", "hash": hashed(KEY)}]}]}
    ) as world:
        with pytest.raises(GatewayUnavailable, match="the issuer's signing keys are unavailable; retry") as caught:
            await world.ask(authorization=token)
        assert (caught.value.reason, caught.value.retry_after) == ("KEYS_UNAVAILABLE", 2.0)
        await world.ask(authorization=f"Bearer {KEY}")
        issuer.start()
        try:
            await world.ask(authorization=token)
        finally:
            issuer.stop()
        await world.ask(authorization=f"Bearer {issuer.token(sub='bob')}")


async def test_an_issuer_that_rotates_its_keys_while_it_cannot_be_reached() -> None:
    """A token by a key that nobody has seen may be good: UNAVAILABLE, and it is taken when the issuer is back."""
    issuer = Issuer().start()
    try:
        async with policed({"methods": [oidc(issuer)]}) as world:
            await world.ask(authorization=f"Bearer {issuer.token()}")
            issuer.stop()
            issuer.keys["second"] = rsa_key()
            token = f"Bearer {issuer.token()}"
            with pytest.raises(GatewayUnavailable) as caught:
                await world.ask(authorization=token)
            assert (caught.value.reason, caught.value.retry_after) == ("KEYS_UNAVAILABLE", 2.0)
            await world.ask(authorization=f"Bearer {issuer.token(kid='first', sub='bob')}")
            issuer.start()
            await world.ask(authorization=token)
            with pytest.raises(Unauthenticated, match=REFUSED):
                await world.ask(authorization=f"Bearer {forged(issuer)}")
    finally:
        issuer.stop()


async def test_keys_that_are_too_old_are_used_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the outage tolerance a token cannot be checked, though one that was verified lives on to its end."""
    issuer = Issuer().start()
    async with policed({"methods": [oidc(issuer, refresh=1, outage_tolerance=0)]}) as world:
        token = f"Bearer {issuer.token()}"
        await world.ask(authorization=token)
        issuer.stop()
        monkeypatch.setattr("prism.gateway.auth.jwks.monotonic", lambda: time.monotonic() + 2)
        await world.ask(authorization=token)
        with pytest.raises(GatewayUnavailable):
            await world.ask(authorization=f"Bearer {issuer.token(sub='bob')}")
