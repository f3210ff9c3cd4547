"""SCRAM, PLAIN and TLS: a wrong password, one that is changed while serving, and what an ACL forbids."""

import asyncio
from collections.abc import Iterator

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

from backends.kafka.gateways import Gateways, Stream, publish
from missing import missing
from prism.backends.kafka.config import KafkaCredentials
from prism.backends.kafka.testing import KafkaServer, ServerMissing
from prism.errors import BackendCredentials, PrismError

_ACLS = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:broker;User:prism;User:ANONYMOUS",
}


@pytest.fixture(scope="module")
def guarded() -> Iterator[KafkaServer]:
    """A server that wants SCRAM, and has ACLs."""
    try:
        server = KafkaServer("scram", _ACLS)
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
