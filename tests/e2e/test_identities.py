"""Identities x namespaces x operations against a whole gateway over TLS, by gRPC, by HTTP/JSON and on the admin port;
and attempts to get further than one may.
"""

import asyncio
import hashlib
import http.client
import json
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

import gateways
from authority import Authority, Issued
from cli.command import prism
from gateway.issuer import rsa_key, unsigned
from oidc_server import OidcServer
from prism._proto.admin.v1 import admin_pb2
from prism.client import Client, PermissionDenied, PrismError, Unauthenticated
from prism.client.retry import RetryPolicy
from prism.rpc_status import from_status
from prism.wire import Channel, Metadata, StatusError, client_context

KEY = "prism_ci_0123456789"
NAMESPACES = ("orders", "payments", "absent")
ONCE = RetryPolicy(attempts=1)


@dataclass
class Caller:
    """Who calls, and what is expected of it: namespace -> the classes of operations that are allowed."""

    name: str
    allowed: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    cert: Issued | None = None


@dataclass
class Guarded:
    """A gateway that asks who calls, and those who do."""

    gateway: gateways.GatewayProcess
    authority: Authority
    oidc: OidcServer
    callers: list[Caller]
    revoked: Issued

    def tls(self, cert: Issued | None = None) -> ssl.SSLContext:
        """How a caller connects."""
        return client_context(self.authority.ca, *((cert.cert, cert.key) if cert else ()))

    async def grpc(self, caller: Caller, namespace: str, operation: str) -> str:
        """The verdict on a call over gRPC: `allowed`, or the error's reason."""
        if operation == "admin":
            return await self._administer_by_grpc(caller, namespace)
        async with Client(self.gateway.data, tls=self.tls(caller.cert), headers=caller.headers, retry=ONCE) as client:
            keyvalue = client.keyvalue(namespace)
            try:
                await (keyvalue.get("r", b"k") if operation == "read" else keyvalue.put("r", {b"k": b"v"}))
            except PrismError as error:
                return error.reason
        return "allowed"

    async def _administer_by_grpc(self, caller: Caller, namespace: str) -> str:
        async with Channel(self.gateway.admin, tls=self.tls(caller.cert)) as channel:
            request = admin_pb2.GetPluginStatusRequest(namespace=namespace).SerializeToString()
            try:
                await channel.unary(
                    "/prism.admin.v1.AdminService/GetPluginStatus", request, metadata=Metadata(caller.headers.items())
                )
            except StatusError as error:
                return from_status(error.status).reason
        return "allowed"

    def http(self, caller: Caller, namespace: str, operation: str) -> str:
        """The same over HTTP/JSON."""
        if operation == "admin":
            return self._administer(caller, namespace)
        method, message = ("Get", {"id": "r", "keys": ["aw=="]}) if operation == "read" else (
            "Put", {"id": "r", "items": [{"key": "aw==", "value": "dg=="}]}
        )  # fmt: skip
        status, body = self.post(method, message, caller.cert, {"prism-namespace": namespace, **caller.headers})
        return "allowed" if status == 200 else str(body["details"][0]["debug"]["reason"])

    def post(
        self, method: str, message: Any, cert: Issued | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """One operation of KeyValue by HTTP/1.1."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        status, answer = self.ask(self.gateway.data, "POST", f"/prism.data.v1.KeyValue/{method}", cert, headers, body)
        return status, json.loads(answer)

    def ask(
        self,
        address: str,
        method: str,
        path: str,
        cert: Issued | None,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> tuple[int, bytes]:
        """One request by HTTP/1.1, to either port."""
        context = self.tls(cert)
        context.set_alpn_protocols(["http/1.1"])
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=20)
        try:
            connection.request(method, path, body, {"content-type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _administer(self, caller: Caller, namespace: str) -> str:
        path = "/prism.admin.v1.AdminService/GetPluginStatus"
        request = json.dumps({"namespace": namespace}).encode()
        status, answer = self.ask(self.gateway.admin, "POST", path, caller.cert, caller.headers, request)
        return "allowed" if status == 200 else str(json.loads(answer)["details"][0]["debug"]["reason"])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, oidc_modules: Path) -> Iterator[Guarded]:
    """The gateway of this module: certificates, tokens and keys are taken, in that order."""
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder / "ca")
    server = authority.issue("gateway", dns="localhost", ip="127.0.0.1")
    revoked = authority.issue("revoked", uri="spiffe://prod/orders")
    authority.revoke(revoked)
    oidc = OidcServer(oidc_modules).start()
    tls = {"cert": str(server.cert), "key": str(server.key), "client_ca": str(authority.ca),
           "client_crl": str(authority.crl), "client_certificates": "optional"}  # fmt: skip
    methods = [
        {"type": "mtls"},
        {"type": "oidc", "issuer": oidc.url, "audiences": ["prism"], "namespaces_claim": "namespaces"},
        {"type": "api_keys", "keys": [
            {"name": "ci", "hash": f"sha256:{hashlib.sha256(KEY.encode()).hexdigest()}", "operations": ["read"]},
        ]},
    ]  # fmt: skip
    rules = [
        {"principals": ["spiffe://prod/orders"], "namespaces": ["orders"], "operations": ["read", "write"]},
        {"certificate": {"organizational_unit": "payments"}, "namespaces": ["payments"], "operations": ["read"]},
        {"groups": ["ops"], "namespaces": ["*"], "operations": ["read", "write"]},
        {"claims": {"tenant": "acme"}, "namespaces": ["orders"], "operations": ["read"]},
        {"principals": ["ci"], "namespaces": ["orders"], "operations": ["read", "write", "admin"]},
        {"groups": ["ops"], "namespaces": ["*"], "operations": ["admin"]},
    ]
    config = {
        "gateway": {"listen": "127.0.0.1:0", "tls": tls},
        "admin": {"listen": "127.0.0.1:0", "tls": tls},
        "authentication": {"methods": methods, "revoked": ["stolen-token", "mallory"]},
        "authorization": {"rules": rules},
        "namespaces": [gateways.namespace(name, "memory") for name in NAMESPACES[:2]],
    }

    def bearer(**claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {oidc.token(aud='prism', namespaces='*', **claims)}"}

    everything = dict.fromkeys(NAMESPACES[:2], "read write admin")
    callers = [
        Caller("spiffe", {"orders": "read write"}, cert=authority.issue("x", uri="spiffe://prod/orders")),
        Caller("unit", {"payments": "read"}, cert=authority.issue("p", dns="p.example", unit="payments")),
        Caller("other certificate", {}, cert=authority.issue("spiffe://prod/orders", dns="other")),
        Caller("ops", everything, bearer(sub="olga", groups=["dev", "ops"])),
        Caller("tenant", {"orders": "read"}, bearer(sub="a", tenant="acme")),
        Caller("bound", {"orders": "read write admin"}, bearer(sub="b", groups=["ops"]) | {
            "authorization": f"Bearer {oidc.token(aud='prism', namespaces=['orders'], sub='b', groups=['ops'])}"
        }),
        Caller("nothing", {}, bearer(sub="n")),
        Caller("key", {"orders": "read"}, {"authorization": f"Bearer {KEY}"}),
        Caller("key in its own header", {"orders": "read"}, {"x-api-key": KEY}),
    ]  # fmt: skip
    try:
        with gateways.running(config, folder / "gateway") as gateway:
            yield Guarded(gateway, authority, oidc, callers, revoked)
    finally:
        oidc.stop()


async def test_matrix(guarded: Guarded) -> None:
    """Every identity on every namespace by every class of operation and way in: the verdicts are those of the rules."""
    expected, seen = {}, {}
    for caller in guarded.callers:
        for namespace in NAMESPACES:
            for operation in ("read", "write", "admin"):
                allowed = operation in caller.allowed.get(namespace, "")
                # Whoever may reach any name learns that this one is not there; nobody else does.
                open_to_all = caller.name == "ops" and namespace == "absent"
                verdict = "NAMESPACE_NOT_FOUND" if open_to_all else "allowed" if allowed else "PERMISSION_DENIED"
                cell = (caller.name, namespace, operation)
                expected[cell, "grpc"] = expected[cell, "http"] = verdict
                seen[cell, "grpc"] = await guarded.grpc(caller, namespace, operation)
                seen[cell, "http"] = await asyncio.to_thread(guarded.http, caller, namespace, operation)
    assert seen == expected
    assert len(seen) == len(guarded.callers) * len(NAMESPACES) * 3 * 2


async def test_attempts_are_refused_by_both_ways_in(guarded: Guarded) -> None:
    """Forged, expired, for somebody else, unsigned, confused, revoked, of nobody: the same refusal, on both ports."""
    oidc = guarded.oidc
    good = {"iss": oidc.url, "aud": "prism", "sub": "b", "groups": ["ops"], "namespaces": "*", "exp": 4102444800}
    tokens = {
        "forged": jwt.encode(good, rsa_key(), "RS256", {"kid": "first"}),
        "expired": oidc.token(aud="prism", sub="b", exp=1_000_000_000),
        "wrong audience": oidc.token(aud="billing", sub="b"),
        "alg none": unsigned(good),
        "key confusion": jwt.encode(good, "x" * 64, "HS256", {"kid": "first"}),
        "revoked token": oidc.token(aud="prism", sub="b", groups=["ops"], namespaces="*", jti="stolen-token"),
        "revoked caller": oidc.token(aud="prism", sub="mallory", groups=["ops"], namespaces="*"),
        "unknown key": KEY + "x",
    }
    seen = {}
    for name, token in tokens.items():
        caller = Caller(name, {}, {"authorization": f"Bearer {token}"})
        seen[name] = {await guarded.grpc(caller, "orders", operation) for operation in ("read", "admin")}
        seen[name] |= {guarded.http(caller, "orders", operation) for operation in ("read", "admin")}
    assert set().union(*seen.values()) == {"UNAUTHENTICATED"}, seen
    assert await guarded.grpc(Caller("nobody", {}), "orders", "read") == "UNAUTHENTICATED"


@pytest.mark.parametrize("kind", ["expired", "revoked", "of another authority"])
async def test_a_bad_certificate_ends_in_the_handshake(guarded: Guarded, tmp_path: Path, kind: str) -> None:
    """Nothing of such a connection reaches a call, though certificates are optional here."""
    uri = "spiffe://prod/orders"
    certs = {
        "expired": guarded.authority.issue("x", uri=uri, expired=True),
        "revoked": guarded.revoked,
        "of another authority": Authority(tmp_path / "stranger").issue("x", uri=uri),
    }
    cert = certs[kind]
    with pytest.raises(OSError, match=r"alert|EOF|closed|reset|SSL"):
        await asyncio.to_thread(guarded.http, Caller(kind, {}, cert=cert), "orders", "read")


async def test_a_bound_token_reaches_and_learns_of_no_other_namespace(guarded: Guarded, grpcurl: Path) -> None:
    """By no header, in no spelling, not by two of them, not by reflection, health or an error's text."""
    bound = next(caller for caller in guarded.callers if caller.name == "bound")
    learnt = []
    async with Client(guarded.gateway.data, tls=guarded.tls(), headers=bound.headers, retry=ONCE) as client:
        for name in ("payments", "absent"):
            with pytest.raises(PermissionDenied) as caught:
                await client.keyvalue(name).put("r", {b"k": b"v"})
            learnt.append(f"{caught.value} {caught.value.metadata}".replace(name, "N"))
    assert learnt[0] == learnt[1]
    for spelling in ("PAYMENTS", "payments ", "orders,payments", "orders, payments", "payments%20", "*"):
        status, body = guarded.post("Get", {"id": "r"}, None, {**bound.headers, "Prism-Namespace": spelling})
        assert status == 403, (spelling, body)
    status, body = guarded.post(
        "Get", {"id": "r"}, None, {**bound.headers, "prism-namespace": "orders", "Prism-Namespace": "payments"}
    )
    assert (status, body["code"]) == (400, "invalid_argument"), body
    # Nothing of the body is read before the verdict: what is not JSON is not complained of.
    status, body = guarded.post("Get", b"{not json", None, {**bound.headers, "prism-namespace": "payments"})
    assert status == 403, body
    for path in ("/metrics", "/health/ready?namespace=payments", "/admin/namespace/list", "/admin/plugin/status"):
        status, answer = guarded.ask(guarded.gateway.data, "GET", path, None, bound.headers)
        assert (status, b"payments" in answer.replace(path.partition("?")[2].encode() or b"-", b"")) == (404, False)
    told = []
    for arguments in (["list"], ["describe"], ["-d", "{}", "grpc.health.v1.Health/List"]):
        verb = arguments if "-d" not in arguments else []
        data = [] if verb else arguments[:2]
        command = [str(grpcurl), "-cacert", str(guarded.authority.ca), "-H",
                   f"authorization: {bound.headers['authorization']}", *data, guarded.gateway.data,
                   *(verb or arguments[2:])]  # fmt: skip
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        told.append(done.stdout + done.stderr)
    assert "prism.data.v1.KeyValue" in told[0]
    assert not any("payments" in text for text in told)


async def test_the_gateway_says_what_it_asks_for(guarded: Guarded) -> None:
    """At the start, for whoever runs it; and to a caller without any credential."""
    log = guarded.gateway.log
    assert "authenticated by mtls, oidc, api_keys; 6 authorization rules" in log
    assert "over TLS" in log
    async with Client(guarded.gateway.data, tls=guarded.tls(), retry=ONCE) as client:
        with pytest.raises(Unauthenticated, match="a client certificate in the TLS handshake or a bearer token"):
            await client.keyvalue("orders").get("r", b"k")


async def test_the_command_line_proves_itself_by_certificate_or_key(guarded: Guarded) -> None:
    """With the files of TLS, and with a token; without the authority it does not trust the gateway."""
    spiffe = guarded.callers[0].cert
    assert spiffe is not None
    ca = ("--tls-ca", str(guarded.authority.ca))
    put = ("kv", "put", "orders", "r", "k=v")
    certificate = ("--tls-cert", str(spiffe.cert), "--tls-key", str(spiffe.key))
    endpoint = guarded.gateway.data
    done = await prism(*put, *ca, *certificate, endpoint=endpoint)
    assert done.code == 0, done.err
    refused = await prism(*put, *ca, "--token", KEY, endpoint=endpoint)
    assert (refused.code, "'ci' may not write" in refused.err) == (4, True), refused.err
    read = await prism("kv", "get", "orders", "r", "k", *ca, "--token", KEY, endpoint=endpoint)
    assert (read.code, read.out.splitlines()[-1].split()[:2]) == (0, ["k", "v"]), read.err
    stranger = await prism(*put, "--tls-ca", "system", "--timeout", "2s", endpoint=endpoint)
    assert stranger.code == 3, stranger.err
    half = await prism(*put, *ca, *certificate[:2], endpoint=endpoint)
    assert (half.code, "--tls-key together" in half.err) == (2, True)
