"""SCRAM, PLAIN, OAUTHBEARER and TLS: wrong and expired credentials, ones that change while serving, and ACLs."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from pydantic import SecretStr

from authority import Authority
from backends.kafka.gateways import Gateways, Stream, publish
from missing import missing
from prism.backends.kafka.config import KafkaCredentials
from prism.backends.kafka.testing import KafkaServer, ServerMissing
from prism.errors import BackendCredentials, BackendUnavailable, PrismError

_ACLS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:broker;User:prism;User:ANONYMOUS",
    "listener.name.client.oauthbearer.connections.max.reauth.ms": "3000",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Of the server's certificate."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def guarded(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A server that wants a login, has a listener with TLS, and ACLs."""
    issued = authority.issue("kafka", ip="127.0.0.1")
    both = tmp_path_factory.mktemp("kafka") / "both.pem"
    both.write_bytes(issued.key.read_bytes() + issued.cert.read_bytes())
    try:
        server = KafkaServer("any", _ACLS, certificate=both)
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


def login(username: str, password: str) -> KafkaCredentials:
    return KafkaCredentials(username=username, password=SecretStr(password))


def admin(server: KafkaServer) -> AdminClient:
    return AdminClient(
        {
            "bootstrap.servers": server.address,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "prism",
            "sasl.password": server.secret,
        }
    )


async def set_password(server: KafkaServer, user: str, password: str) -> None:
    """Makes a user, or changes its password."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    client = admin(server)  # it is to live until it is answered
    await asyncio.to_thread(client.alter_user_scram_credentials([change])[user].result)


async def test_a_wrong_password_is_named_and_a_right_one_serves(guarded: KafkaServer) -> None:
    """CONTRACT, errors: the credentials are refused within seconds, and not called an outage."""
    async with Gateways(guarded) as gateways:
        with pytest.raises(BackendCredentials, match="credentials"):
            await gateways.new(login("prism", "wrong"), sasl="SCRAM-SHA-512")
        backend = await gateways.new(login("prism", guarded.secret), sasl="SCRAM-SHA-512")
        await publish(backend, "t", b"x")
        stream = Stream(backend, "t", "g")
        await stream.until(lambda: stream.settled)
        await stream.end()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_by_tls(guarded: KafkaServer, authority: Authority, tmp_path: Path, mechanism: str) -> None:
    """Each mechanism over TLS; a server whose certificate another authority has issued is not believed."""
    secure = {"addresses": [f"127.0.0.1:{guarded.secure_port}"], "tls": True, "sasl": mechanism}
    async with Gateways(guarded) as gateways:
        backend = await gateways.new(login("prism", guarded.secret), ca=authority.ca, **secure)
        await publish(backend, "t", b"x")
        stream = Stream(backend, "t", "g")
        await stream.until(lambda: stream.settled)
        await stream.end()
        with pytest.raises(BackendCredentials, match="credentials"):
            await gateways.new(login("prism", "wrong"), ca=authority.ca, **secure)
        if mechanism == "PLAIN":  # it takes seconds, and is before any login
            with pytest.raises(BackendUnavailable):
                await gateways.new(login("prism", guarded.secret), ca=Authority(tmp_path / "other").ca, **secure)


class Tokens:
    """Where clients get their tokens: for whom they are, and for how long they hold.

    Attributes:
        given: how many.
        seconds: that the next one holds.
        url: where they are to be had.
    """

    def __init__(self) -> None:
        self.given, self.seconds = 0, 3600.0
        tokens = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.dumps({"access_token": tokens.token(), "token_type": "Bearer"}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self) -> str:
        """One that is not signed."""
        self.given += 1
        now = time.time()
        claims = {"sub": "prism", "iat": now - 60, "exp": now + self.seconds}
        parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in ({"alg": "none"}, claims)]
        return f"{b'.'.join(parts).decode()}."

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


async def test_tokens_are_renewed_while_serving(guarded: KafkaServer, *, whole: bool) -> None:
    """OAUTHBEARER: the broker asks again every three seconds; an expired one is refused. Renewed in whole runs."""
    tokens = Tokens()
    credentials = KafkaCredentials(client_id="prism", client_secret=SecretStr("secret"))
    try:
        async with Gateways(guarded) as gateways:
            tokens.seconds = 8.0  # renewed after 6.4; brokers do not take two within a second
            backend = await gateways.new(credentials, sasl="OAUTHBEARER", token_url=tokens.url)
            given, until, count = tokens.given, time.monotonic() + (9 if whole else 0), 0
            stream = Stream(backend, "t", "g")
            while count < 5 or time.monotonic() < until or (whole and tokens.given <= given):
                await publish(backend, "t", b"%d" % count)
                count += 1
                await asyncio.sleep(0.05)
            await stream.until(lambda: len(stream.settled) == count)
            await stream.end()
            tokens.seconds = -30.0
            with pytest.raises(BackendCredentials):
                await gateways.new(credentials, sasl="OAUTHBEARER", token_url=tokens.url)
    finally:
        tokens.stop()


async def test_a_password_is_changed_while_serving(guarded: KafkaServer) -> None:
    """A new instance with the new password takes over from the old one, and no message is lost or comes twice."""
    await set_password(guarded, "turn", "before")
    rule = AclBinding(
        ResourceType.TOPIC,
        "*",
        ResourcePatternType.LITERAL,
        "User:turn",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    group = AclBinding(
        ResourceType.GROUP,
        "*",
        ResourcePatternType.LITERAL,
        "User:turn",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    transactions = AclBinding(
        ResourceType.TRANSACTIONAL_ID, "*", ResourcePatternType.LITERAL, "User:turn", "*", AclOperation.ALL,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    client = admin(guarded)
    for future in client.create_acls([rule, group, transactions]).values():
        await asyncio.to_thread(future.result)
    async with Gateways(guarded) as gateways:
        old = await gateways.new(login("turn", "before"), sasl="SCRAM-SHA-512")
        for number in range(20):
            await publish(old, "t", b"%d" % number)
        first = Stream(old, "t", "g", max_in_flight=4)
        await first.until(lambda: len(first.settled) >= 8)
        await set_password(guarded, "turn", "after")
        new = await gateways.new(login("turn", "after"), sasl="SCRAM-SHA-512")
        for number in range(20, 40):
            await publish(new, "t", b"%d" % number)
        await first.end()
        await old.stop()
        second = Stream(new, "t", "g")
        await second.until(lambda: len(first.settled) + len(second.settled) == 40)
        await second.end()
        done = [m.payload for s in (first, second) for m in s.got if m.receipt in s.settled]
        assert sorted(map(int, done)) == [*range(40)]


async def test_what_an_acl_forbids(guarded: KafkaServer) -> None:
    """A permission that is missing is named as that, and the call has changed nothing."""
    await set_password(guarded, "limited", "secret")
    async with Gateways(guarded) as gateways:
        with pytest.raises(PrismError) as refused:
            await gateways.new(login("limited", "secret"), sasl="SCRAM-SHA-512")
        assert isinstance(refused.value, BackendCredentials), repr(refused.value)
        assert "permission" in refused.value.message
