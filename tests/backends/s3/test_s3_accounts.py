"""How the gateway reaches S3 and proves itself: certificates, both kinds of addresses, accounts from everywhere."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from backends.s3.objects import Objects, objects_at, objects_on
from missing import missing
from prism.backends.s3.config import S3Config, S3Credentials
from prism.backends.s3.testing import S3Server, ServerMissing, Versitygw, make_bucket
from prism.errors import BackendCredentials, BackendUnavailable


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[S3Server, Path]]:
    """A server with a certificate of an authority of its own, and that authority's file."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for pem in issued.cert_chain_pems:
        pem.write_to_path(str(folder / "certificate.pem"), append=True)
    try:
        server = Versitygw(certificate=folder / "certificate.pem", key=folder / "key.pem")
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server, folder / "ca.pem"
    server.stop()


async def works(objects: Objects) -> None:
    """What is put is got."""
    await objects.put("key", b"value")
    assert await objects.get("key") == b"value"


async def test_a_certificate_of_an_authority_of_ones_own(secured: tuple[S3Server, Path]) -> None:
    """It is verified by the file that is named; without it nothing is sent."""
    server, ca = secured
    async with objects_on(server, "bucket", ca=ca) as objects:
        await works(objects)
        await objects.put("large", *[b"x" * (1 << 20)] * 7)
        assert len(await objects.get("large") or b"") == 7 << 20
    with pytest.raises(BackendUnavailable, match="TLS with S3 failed: correct ca and endpoint"):
        async with objects_at(server.url, server.credentials(), "bucket"):
            pass


async def test_a_bucket_in_the_name_of_its_host(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other kind of addresses, which Amazon prefers."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def local(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(str(host))
        return resolve("127.0.0.1" if str(host).endswith("localhost") else host, *rest, **more)

    await make_bucket(server.url, server.credentials(), "virtual")
    monkeypatch.setattr(socket, "getaddrinfo", local)
    endpoint = f"http://localhost:{server.port}"
    async with objects_at(endpoint, server.credentials(), "virtual", addressing="virtual") as objects:
        await works(objects)
    assert "virtual.localhost" in asked


async def test_an_account_from_the_environment(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that Amazon's own clients read."""
    await make_bucket(server.url, server.credentials(), "environment")
    with pytest.raises(BackendCredentials, match="NoCredentials"):
        async with objects_at(server.url, {}, "environment", login="environment"):
            pass
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
    async with objects_at(server.url, {}, "environment", login="environment") as objects:
        await works(objects)


async def test_an_account_from_a_file_that_changes(server: S3Server, tmp_path: Path) -> None:
    """A rotated secret counts with the next request; a file that is damaged for a moment changes nothing."""
    await make_bucket(server.url, server.credentials(), "rotated")
    file = tmp_path / "credentials"

    def write() -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text(f"[prism]\naws_access_key_id = {server.account}\naws_secret_access_key = {server.secret}\n")
        fresh.replace(file)

    write()
    options = {"login": "file", "credentials_file": file, "profile": "prism"}
    async with objects_at(server.url, {}, "rotated", **options) as objects:
        await works(objects)
        server.change_secret()
        with pytest.raises(BackendCredentials):
            await works(objects)
        file.write_text("[prism")
        with pytest.raises(BackendCredentials):
            await works(objects)
        write()
        await works(objects)


async def test_a_file_without_an_account(server: S3Server, tmp_path: Path) -> None:
    """It is told, and nothing of what the file holds."""
    (tmp_path / "credentials").write_text("[other]\naws_secret_access_key = hidden\n")
    options = {"login": "file", "credentials_file": tmp_path / "credentials"}
    with pytest.raises(BackendCredentials, match="NoCredentials") as told:
        async with objects_at(server.url, {}, "bucket", **options):
            pass
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"bucket": "A"}, "bucket"),
        ({"endpoint": "ftp://host"}, "is not the URL of a server"),
        ({"endpoint": "http://user:hidden@host"}, "must not hold a user or password"),
        ({"endpoint": "http://host", "ca": "ca.pem"}, "ca needs an endpoint given as https://"),
        ({"prefix": "/a"}, "must not begin with a slash"),
        ({"prefix": "{name}/"}, "braces may stand"),
        ({"login": "file"}, "credentials_file and login: file belong together"),
        ({"login": "web_identity", "role_arn": "arn"}, "go with login: web_identity"),
        ({"kms_key": "k"}, "kms_key needs encryption: kms"),
        ({"part_size": "16MiB", "parallel_parts": 2}, "over 32 MiB"),
        ({"part_size": "4MiB"}, "part_size"),
        ({"objects": {"budget": "8MiB"}}, "objects.budget must be"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], told: str) -> None:
    """Each is named with what would fit, and no secret is repeated."""
    with pytest.raises(ValidationError) as refused:
        S3Config.model_validate({"bucket": "bucket", **options})
    assert told in str(refused.value)


def test_an_account_is_whole() -> None:
    """Half of one is a mistake."""
    with pytest.raises(ValidationError, match="belong together"):
        S3Credentials.model_validate({"access_key_id": "a"})
    with pytest.raises(ValidationError, match="session_token needs"):
        S3Credentials.model_validate({"session_token": "a"})


def test_the_identity_names_nothing_secret() -> None:
    """Server, bucket and prefix; the same however they are written."""
    one = S3Config(bucket="bucket", endpoint="https://S3.Example:9000/")
    assert one.identity == "s3:s3.example:9000/bucket/{namespace}/"
    assert S3Config(bucket="bucket", region="eu-central-1").identity == "s3:aws:eu-central-1/bucket/{namespace}/"
