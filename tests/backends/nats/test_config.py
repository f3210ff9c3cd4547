"""The options of the nats backend: what is refused, and how it names its store."""

from typing import Any

import pytest
from pydantic import ValidationError

from prism.backends.nats.config import NatsConfig, NatsCredentials


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"servers": []}, "at least 1"),
        ({"servers": ["localhost:4222"]}, "write nats://host:port"),
        ({"servers": ["http://localhost"]}, "write nats://host:port"),
        ({"servers": ["nats://user:secret@host"]}, "give them as credentials"),
        ({"servers": ["nats://a", "tls://b"]}, "give all as"),
        ({"prefix": "a.>"}, "pattern"),
        ({"prefix": "a..b"}, "pattern"),
        ({"ca": "/ca.pem"}, "tls://"),
        ({"servers": ["tls://a"], "certificate": "/c.pem"}, "belong together"),
    ],
)
def test_what_is_refused(options: dict[str, Any], says: str) -> None:
    """Each with what to write instead, and no secret in it."""
    with pytest.raises(ValidationError, match=says) as caught:
        NatsConfig.model_validate(options)
    assert "secret" not in "".join(each["msg"] for each in caught.value.errors())


SEED = "SU" + "A" * 56
CREDS = f"-----BEGIN NATS USER JWT-----\nx.y.z\n---END---\n\n---BEGIN USER NKEY SEED---\n{SEED}\n---END---\n"


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        ({"username": "u"}, "belong together"),
        ({"password": "p"}, "belong together"),
        ({"token": "t", "nkey": SEED}, "different ways"),
        ({"username": "u", "password": "p", "creds": CREDS}, "different ways"),
    ],
)
def test_one_way_to_log_in(credentials: dict[str, str], says: str) -> None:
    """Half a way and two ways are refused."""
    with pytest.raises(ValidationError, match=says):
        NatsCredentials.model_validate(credentials)


@pytest.mark.parametrize(
    "credentials",
    [
        {"nkey": "secret"},
        {"nkey": SEED + "A"},
        {"nkey": SEED.replace("SU", "SA")},
        {"creds": "secret"},
        {"creds": SEED},
        {"creds": CREDS.replace("USER JWT", "")},
        {"creds": CREDS.replace(SEED, "secret")},
    ],
)
def test_what_is_no_credential(credentials: dict[str, str]) -> None:
    """A seed of another kind or of none, and a file of another kind: refused before a server is asked, unshown."""
    with pytest.raises(ValidationError, match=r"not (a valid seed of a user|the content of a \.creds file)") as caught:
        NatsCredentials.model_validate(credentials)
    assert "secret" not in str(caught.value.errors(include_input=False, include_context=False))
    NatsCredentials.model_validate({"nkey": SEED})
    NatsCredentials.model_validate({"creds": CREDS})


def test_identity() -> None:
    """The same servers in another order, with their default port or without, are the same store."""
    one = NatsConfig(servers=("nats://b:4222", "nats://A"))
    other = NatsConfig(servers=("nats://a:4222", "nats://b"))
    assert one.identity == other.identity == "nats:a:4222,b:4222/prism"
    assert one.identity != NatsConfig(servers=one.servers, prefix="other").identity
