"""Others look at what Prism put into a bucket, and Prism at what they put there: rclone, and Amazon's own client."""

import asyncio
import hashlib
import os as system
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from backends.s3.objects import MIB, PART, Objects, objects_on
from missing import missing
from prism.backends.s3.testing import S3Server
from prism.interfaces import objectstore as os

NAMES = [
    "a",
    "b c",
    "d/e/f",
    "ü/日本/\U0001f600",
    "100%/x+y&z=1",
    "q'u\"o`te;$HOME",
    "[x]*?",
    "-rf",
    "dots...",
    "é",
    "e\u0301",
]
SIZES = [0, 1, 4096, PART - 1, PART, PART + 1, 2 * PART + 3]
PROPERTIES = os.Properties(
    content_type="text/x-test",
    content_encoding="identity",
    content_disposition='attachment; filename="x"',
    cache_control="no-store",
    metadata={"plain": "value", "other": "zoë \U0001f600", "spaces": "  two  "},
)


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    """What each name holds."""
    block = system.urandom(2 * PART + 3)
    return {name: block[: SIZES[number % len(SIZES)]] for number, name in enumerate(NAMES)}


@pytest.fixture(params=["", "{namespace}/"])
async def objects(server: S3Server, request: pytest.FixtureRequest) -> AsyncIterator[Objects]:
    """A backend on a bucket, whole or behind a prefix."""
    async with objects_on(server, "whole" if not request.param else "shared", prefix=request.param) as objects:
        for entry in (await objects.store.list(os.ListRequest(limit=1000), objects.context)).entries:
            await objects.store.delete(os.DeleteRequest(key=entry.object.key), objects.context)
        yield objects


def place(objects: Objects) -> tuple[str, str]:
    """The bucket, and what keys there begin with."""
    config = objects.backend._config
    return config.bucket, config.prefix.replace("{namespace}", "default")


def amazon(server: S3Server) -> Any:
    """Amazon's own client, without anything of ours around it."""
    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id=server.account,
        aws_secret_access_key=server.secret,
        config=Config(s3={"addressing_style": "path"}),
    )


class Rclone:
    """The command, with the server as its remote `s3:`."""

    def __init__(self, server: S3Server) -> None:
        found = shutil.which("rclone")
        if found is None:
            missing("rclone is not installed")
        self._command = found
        options = {
            "type": "s3",
            "provider": "Other",
            "endpoint": server.url,
            "access_key_id": server.account,
            "secret_access_key": server.secret,
            "force_path_style": "true",
            "list_version": "2",
        }
        self._environment = {f"RCLONE_CONFIG_S3_{name.upper()}": value for name, value in options.items()}

    async def __call__(self, *arguments: str | Path) -> str:
        """What it prints."""
        command = [self._command, "--config", "/dev/null", "--no-unicode-normalization", *map(str, arguments)]
        environment = {"PATH": system.environ["PATH"], "HOME": "/nonexistent", **self._environment}
        done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


async def put_all(objects: Objects, content: dict[str, bytes]) -> None:
    """Puts it by Prism."""
    for name, data in content.items():
        chunks = [data[begin : begin + MIB] for begin in range(0, len(data), MIB)]
        await objects.put(name, *chunks, properties=PROPERTIES)


async def found_all(objects: Objects) -> dict[str, bytes | None]:
    """What Prism finds there."""
    answer = await objects.store.list(os.ListRequest(limit=1000), objects.context)
    return {entry.object.key: await objects.get(entry.object.key) for entry in answer.entries}


async def test_amazons_client_finds_what_prism_put(
    server: S3Server, objects: Objects, content: dict[str, bytes]
) -> None:
    """Names, bytes, and what is said of them."""
    await put_all(objects, content)
    bucket, prefix = place(objects)
    client = amazon(server)
    listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    assert {each["Key"]: each["Size"] for each in listed} == {
        prefix + name: len(data) for name, data in content.items()
    }
    for name, data in content.items():
        answer = client.get_object(Bucket=bucket, Key=prefix + name)
        assert answer["Body"].read() == data
        assert answer["ContentType"] == "text/x-test"
        assert answer["CacheControl"] == "no-store"
        assert answer["Metadata"]["plain"] == "value"
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


async def test_prism_finds_what_amazons_client_put(
    server: S3Server, objects: Objects, content: dict[str, bytes]
) -> None:
    """In one piece and by parts, with its metadata; a condition on its etag holds."""
    bucket, prefix = place(objects)
    client = amazon(server)
    for name, data in content.items():
        client.put_object(Bucket=bucket, Key=prefix + name, Body=data, ContentType="a/b", Metadata={"k": "v"})
    upload = client.create_multipart_upload(Bucket=bucket, Key=f"{prefix}parts")["UploadId"]
    named = {"Bucket": bucket, "Key": f"{prefix}parts", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": client.upload_part(PartNumber=number, Body=data, **named)["ETag"]}
        for number, data in ((1, b"x" * PART), (2, b"y"))
    ]
    etag = client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **named)["ETag"].strip('"')
    assert await found_all(objects) == {**content, "parts": b"x" * PART + b"y"}
    head = await objects.head("a")
    assert head is not None
    assert (head.properties.content_type, dict(head.properties.metadata)) == ("a/b", {"k": "v"})
    await objects.put("parts", b"new", if_match=etag)


async def test_rclone_finds_what_prism_put(
    server: S3Server, objects: Objects, content: dict[str, bytes], tmp_path: Path
) -> None:
    """Copied out by it, every file is there with its bytes."""
    rclone = Rclone(server)
    await put_all(objects, content)
    bucket, prefix = place(objects)
    await rclone("copy", f"s3:{bucket}/{prefix}", tmp_path / "out")
    out = {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in files(tmp_path / "out")}
    assert digests(out) == digests(content)


async def test_prism_finds_what_rclone_put(
    server: S3Server, objects: Objects, content: dict[str, bytes], tmp_path: Path
) -> None:
    """Copied in by it, by parts where they are large."""
    rclone = Rclone(server)
    for name, data in content.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    bucket, prefix = place(objects)
    await rclone(
        "copy", "--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi", tmp_path / "in", f"s3:{bucket}/{prefix}"
    )
    assert digests(await found_all(objects)) == digests(content)


def files(folder: Path) -> list[Path]:
    """All in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def digests(content: dict[str, bytes] | dict[str, bytes | None]) -> dict[str, str]:
    """Short, for a message that can be read."""
    return {name: hashlib.sha256(data or b"").hexdigest()[:12] for name, data in content.items()}
