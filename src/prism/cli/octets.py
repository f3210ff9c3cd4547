"""Keys and values on the command line: how they are read and shown."""

import base64
import os
from pathlib import Path

import click

from prism.cli.standard_streams import standard_input

SYNTAX = """\b
Keys and values:
  text            the text itself
  base64:dGV4dA   any bytes, as base64
  @FILE           the content of a file
  -               standard input
  text:@home      text that starts like one of the other forms
"""

_MAX_CELL = 80
_READ = "prism.standard_input_read"


def octets(text: str) -> bytes:
    """The bytes that an argument stands for, in one of the forms of `SYNTAX`."""
    if text == "-":
        return _standard_input()
    kind, separator, rest = text.partition(":")
    if separator and kind == "text":
        return os.fsencode(rest)
    if separator and kind == "base64":
        try:
            return base64.b64decode(rest + "=" * (-len(rest) % 4), validate=True)
        except ValueError as error:
            raise click.BadParameter(f"{text!r} is not base64: {error}") from error
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise click.BadParameter(
                f"{text[1:]}: {error.strerror}; for text that starts with @ give text:@..."
            ) from error
    return os.fsencode(text)


def pair(text: str) -> tuple[bytes, bytes]:
    """`KEY=VALUE`, each side in one of the forms of `SYNTAX`; the first `=` divides them."""
    key, separator, value = text.partition("=")
    if not separator:
        raise click.BadParameter(f"{text!r}: give KEY=VALUE")
    return octets(key), octets(value)


def _standard_input() -> bytes:
    meta = click.get_current_context().meta
    if meta.get(_READ):
        raise click.BadParameter("standard input can be read only once; give the other value as @FILE")
    meta[_READ] = True
    return standard_input().read()


def to_json(octets: bytes) -> str | dict[str, str]:
    """Text where it is UTF-8, else `{"base64": ...}`."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(octets).decode()}


def to_cell(octets: bytes) -> str:
    """A cell of a table: one short line."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        # Without padding: pasted before `=VALUE` again, its own `=` would end the key.
        text = f"base64:{base64.b64encode(octets).decode().rstrip('=')}"
    if not text.isprintable():
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    return text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"
