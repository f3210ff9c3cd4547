"""Keys and values on the command line."""

import os
from pathlib import Path

import click
import pytest

from prism.cli.octets import octets, pair, to_cell, to_json


def test_each_way_to_give_bytes(tmp_path: Path) -> None:
    """Text, base64 with and without padding, a file, and text that looks like one of them."""
    file = tmp_path / "value"
    file.write_bytes(b"\x00\xff\n")
    assert octets("plain:é") == "plain:é".encode()
    assert octets("base64:/w==") == octets("base64:/w") == b"\xff"
    assert octets(f"@{file}") == b"\x00\xff\n"
    assert octets("text:@x") == b"@x"
    assert octets(os.fsdecode(b"\xff")) == b"\xff"


def test_a_pair_is_divided_at_the_first_equals_sign() -> None:
    """Either side in any way."""
    assert pair("k=a=b") == (b"k", b"a=b")
    assert pair("base64:/w=base64:/w==") == (b"\xff", b"\xff")
    with pytest.raises(click.BadParameter, match="KEY=VALUE"):
        pair("k")


@pytest.mark.parametrize("wrong", ["base64:***", "@/nonexistent/file"])
def test_what_cannot_be_read_is_refused(wrong: str) -> None:
    """With what is wrong."""
    with pytest.raises(click.BadParameter):
        octets(wrong)


def test_how_bytes_are_shown() -> None:
    """JSON keeps every byte; a table shows a short line."""
    assert to_json(b"text") == "text"
    assert to_json(b"\xff") == {"base64": "/w=="}
    assert to_cell(b"a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert to_cell(b"\xff") == "base64:/w"
    assert len(to_cell(b"x" * 1000)) == 80


def test_a_shown_key_can_be_put_again() -> None:
    """Base64 is shown without padding, whose `=` would end the key."""
    assert pair(f"{to_cell(bytes([255]))}=value") == (b"\xff", b"value")
