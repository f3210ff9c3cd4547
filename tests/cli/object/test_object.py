"""`prism object`: files, folders, what is known of objects, and addresses."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from cli.command import Done, prism
from gateway.objects_http.site import Site
from prism.cli.exit_code import ExitCode
from prism.cli.object.folders import NoFile, files_in, key_of, path_of
from prism.client import ObjectStore

ODD = [
    "plain.deb",
    "sp ace",
    "plus+~:1.0_amd64.deb",
    "per%cent",
    "\u00fcml\u00e4ut",
    "a&b=c;d",
    "q?h#",
    "'\"`$(x)",
    "\U0001f600",
    "back\\slash",
    "new\nline",
    "tab\t",
    "[x]{y}",
    "-dash",
    ".hidden",
    "deep/er/file",
    "e\u0301",
]


async def run(site: Site, *arguments: str, stdin: bytes = b"", folder: Path | None = None) -> Done:
    """One command."""
    return await prism("object", *arguments, endpoint=site.address, stdin=stdin, folder=folder)


def tree(folder: Path, names: list[str]) -> dict[str, bytes]:
    """Files of these names, and what is in them."""
    made = {}
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made[name] = os.urandom(number * 100)
        path.write_bytes(made[name])
    return made


async def test_a_file_goes_in_and_out(site: Site, objects: ObjectStore, tmp_path: Path) -> None:
    """With its type by its name, its notes, and conditions."""
    source = tmp_path / "a.txt"
    source.write_bytes(b"hello")
    done = await run(
        site, "put", "default", "k", str(source), "-m", "owner=me", "-m", "x=a=b", "--ttl", "1h", "-o", "json"
    )
    assert done.code == 0, done.err
    stored = json.loads(done.out)
    assert stored["size"] == 5
    info = await objects.head("k")
    assert info is not None
    assert (info.content_type, info.metadata, info.etag) == ("text/plain", {"owner": "me", "x": "a=b"}, stored["etag"])
    assert info.expires_at is not None
    assert (await run(site, "put", "default", "k", str(source), "--if-absent")).code == ExitCode.FAILED
    assert (await run(site, "put", "default", "k", str(source), "--if-match", stored["etag"])).code == 0
    back = tmp_path / "back"
    assert (await run(site, "get", "default", "k", str(back))).code == 0
    assert back.read_bytes() == b"hello"
    assert not (await run(site, "get", "default", "k", "-")).err
    assert (await run(site, "get", "default", "k", "-")).out == "hello"


async def test_standard_input_is_stored(site: Site, objects: ObjectStore) -> None:
    """Of whatever length."""
    data = os.urandom(3_000_000)
    assert (await run(site, "put", "default", "k", "-", stdin=data)).code == 0
    assert await objects.read("k") == data


async def test_a_folder_goes_in_and_out(site: Site, objects: ObjectStore, tmp_path: Path) -> None:
    """Every name that a file may have is a key, and comes back as a file of that name."""
    made = await asyncio.to_thread(tree, tmp_path / "in", ODD)
    done = await run(site, "put", "-r", "default", "p/", str(tmp_path / "in"))
    assert done.code == 0, done.err
    assert done.err == f"stored {len(made)} objects, {sum(map(len, made.values())):,} bytes\n"
    assert [each.key async for each in objects.list()] == sorted((f"p/{name}" for name in made), key=str.encode)
    done = await run(site, "get", "-r", "default", "p/", str(tmp_path / "out"))
    assert done.code == 0, done.err
    found = {name: path.read_bytes() for path, name in files_in(tmp_path / "out")}
    assert found == made
    done = await run(site, "delete", "-r", "default", "p/")
    assert done.err == f"deleted {len(made)} objects\n"
    assert [each async for each in objects.list()] == []


async def test_no_key_leads_out_of_the_folder(site: Site, objects: ObjectStore, tmp_path: Path) -> None:
    """What no file beneath it can be is left out and said; all else comes."""
    for key in ("../up", "a/../../up", "/abs", "a//b", "x/.", "dir", "dir/file", "n" * 300, "good", "ends/"):
        await objects.put(key, b"x")
    out = tmp_path / "in" / "out"
    done = await run(site, "get", "-r", "default", "", str(out))
    assert done.code == ExitCode.PARTIAL
    assert {name for _, name in files_in(out)} >= {"good"}
    assert {name for _, name in files_in(out)} <= {"good", "dir", "dir/file"}
    assert [name for _, name in files_in(tmp_path)] == [f"in/out/{name}" for _, name in files_in(out)]
    for key in ("'../up'", "'/abs'", "'a//b'", "'ends/'"):
        assert key in done.err


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    """Of a folder that was there before."""
    (tmp_path / "link").symlink_to("/tmp")
    with pytest.raises(NoFile, match="link"):
        path_of(tmp_path, "", "link/x")
    assert path_of(tmp_path, "p/", "p/a/b") == tmp_path / "a" / "b"


def test_names_that_no_key_can_be() -> None:
    """Not UTF-8, or too long."""
    with pytest.raises(NoFile, match="UTF-8"):
        key_of("", os.fsdecode(b"\xff"))
    with pytest.raises(NoFile, match="1025 bytes"):
        key_of("p", "x" * 1024)


async def test_a_large_file_goes_by_parts(site: Site, objects: ObjectStore, tmp_path: Path) -> None:
    """And nothing is left of its upload, there or here."""
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate((64 << 20) + 1)
    state = tmp_path / "state"
    done = await prism("object", "put", "default", "k", str(source), endpoint=site.address, XDG_STATE_HOME=str(state))
    assert done.code == 0, done.err
    assert site.gateway.recorder is not None
    info = await objects.head("k")
    assert info is not None
    assert info.size == (64 << 20) + 1
    assert [each async for each in objects.list_uploads()] == []
    assert await asyncio.to_thread(os.listdir, state / "prism" / "uploads") == []


async def test_what_is_known_is_shown(site: Site, objects: ObjectStore) -> None:
    """Of one, and of many; a missing one ends with 1."""
    await objects.put("a/1", b"x", content_type="text/plain", metadata={"n": "v"})
    await objects.put("b", b"yy")
    one = json.loads((await run(site, "head", "default", "a/1", "-o", "json")).out)
    assert (one["size"], one["content_type"], one["metadata"]) == (1, "text/plain", {"n": "v"})
    for arguments in (("head", "default", "none"), ("get", "default", "none", "-"), ("copy", "default", "none", "x")):
        done = await run(site, *arguments)
        assert done.code == ExitCode.NEGATIVE
        assert "not found: none" in done.err
    listed = json.loads((await run(site, "list", "default", "-o", "json", "--delimiter", "/")).out)
    assert [each["key"] for each in listed] == ["a/", "b"]
    assert (await run(site, "list", "default", "a")).out.splitlines()[1].split()[:2] == ["a/1", "1"]
    assert (await run(site, "copy", "default", "b", "c", "--if-absent")).code == 0
    assert await objects.read("c") == b"yy"
    assert (await run(site, "delete", "default", "b", "c", "none")).code == 0
    assert [each.key async for each in objects.list()] == ["a/1"]


async def test_an_address_is_printed(site: Site, objects: ObjectStore) -> None:
    """One that a browser can open."""
    await objects.put("a b", b"x")
    done = await run(site, "presign", "default", "a b", "--expires", "5m")
    assert done.out.startswith(f"http://{site.address}/objects/default/a%20b?prism-signed=")
    target = done.out.strip().removeprefix(f"http://{site.address}")
    assert (await site.ask("GET", target)).body == b"x"
    put = json.loads(
        (await run(site, "presign", "default", "n", "--method", "put", "--content-type", "a/b", "-o", "json")).out
    )
    assert put["headers"] == {"content-type": "a/b"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("put", "default", "k", "."), "give -r"),
        (("put", "-r", "default", "k", __file__), "not a folder"),
        (("put", "default", "k", __file__, "-m", "x"), "NAME=VALUE"),
        (("put", "-r", "default", "k", ".", "--if-absent"), "leave -r out"),
        (("put", "default", "k", "none"), "does not exist"),
        (("delete", "default", "a", "b", "--if-match", "x"), "one object"),
        (("presign", "default", "k", "--expires", "8d"), "expires"),
    ],
)
async def test_what_is_asked_wrongly(site: Site, arguments: tuple[str, ...], said: str) -> None:
    """A sentence, and 2."""
    done = await run(site, *arguments)
    assert (done.code, said in done.err) == (ExitCode.USAGE, True), done.err
