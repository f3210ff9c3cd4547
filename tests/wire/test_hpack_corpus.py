"""The public HPACK corpus: blocks of other encoders through our decoder, and our blocks through `hpack`."""

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hpack
import pytest

from prism.acceptance.skips import NOT_HERE
from prism.wire.hpack.decoder import Decoder
from prism.wire.hpack.encoder import encode

REPOSITORY = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("PRISM_HPACK_CORPUS", REPOSITORY.parent / "shared/data/hpack-test-case.tar.xz"))
ENCODERS = ("go-hpack", "haskell-http2-naive-huffman", "nghttp2", "nghttp2-16384-4096", "nghttp2-change-table-size")

pytestmark = pytest.mark.skipif(
    not CORPUS.exists(),
    reason=f"{NOT_HERE}hpack-test-case is not installed: set PRISM_HPACK_CORPUS to its tarball or folder",
)

Story = list[tuple[int | None, bytes, tuple[tuple[bytes, bytes], ...]]]


def texts() -> Iterator[tuple[str, bytes]]:
    if CORPUS.is_dir():
        for path in CORPUS.rglob("story_*.json"):
            yield path.parent.name, path.read_bytes()
        return
    with tarfile.open(CORPUS) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if member.name.endswith(".json") and content is not None:
                yield Path(member.name).parent.name, content.read()


def read(text: bytes) -> Story:
    def fields(case: dict[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((name.encode(), value.encode()) for field in case["headers"] for name, value in field.items())

    cases = json.loads(text)["cases"]
    return [(case.get("header_table_size"), bytes.fromhex(case["wire"]), fields(case)) for case in cases]


@pytest.fixture(scope="module")
def stories() -> dict[str, list[Story]]:
    found: dict[str, list[Story]] = {}
    for encoder, text in texts():
        found.setdefault(encoder, []).append(read(text))
    return found


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_story_decodes(stories: dict[str, list[Story]], encoder: str) -> None:
    """Each block of each story yields exactly the fields that the corpus lists for it."""
    assert len(stories[encoder]) >= 30
    for story in stories[encoder]:
        decoder = Decoder()
        for table_size, block, fields in story:
            if table_size is not None:
                decoder.set_max_table_size(table_size)
            assert decoder.decode(block) == fields


def test_our_blocks_decode_elsewhere(stories: dict[str, list[Story]]) -> None:
    """Every list of the corpus, encoded by us, is read back unchanged by the hpack library."""
    lists = {fields for story in stories["nghttp2"] for _, _, fields in story}
    decoder = hpack.Decoder()
    for fields in lists:
        assert tuple((bytes(name), bytes(value)) for name, value in decoder.decode(encode(fields), raw=True)) == fields
    assert len(decoder.header_table.dynamic_entries) == 0
