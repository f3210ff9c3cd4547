"""`prism kv get`, `put`, `delete`, `cas` and `expire`: items by their keys."""

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING

import click

from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.instant import instant
from prism.cli.kv.group import KeyValueCommand
from prism.cli.kv.rows import COLUMNS, item_row, version_text
from prism.cli.octets import octets, pair, to_cell, to_json
from prism.cli.output import output_option, show, writer
from prism.cli.standard_streams import standard_output

if TYPE_CHECKING:
    from prism.client import KeyValue

_record = click.argument("record", metavar="ID")
_ttl = click.option("--ttl", type=duration, help="Time to live, such as 90s, 30m or 7d.")
_expires_at = click.option(
    "--expires-at", type=instant, metavar="TIME", help="Time to expire at, such as 2030-01-01T00:00:00Z."
)
_metadata = click.option(
    "--metadata", multiple=True, metavar="NAME=TEXT", help="Store metadata with the value, as NAME=TEXT; repeatable."
)


@click.command(cls=KeyValueCommand)
@_record
@click.argument("keys", metavar="[KEY]...", type=octets, nargs=-1)
@click.option("--raw", is_flag=True, help="Print only the value, byte for byte; takes exactly one KEY.")
@output_option
async def get(kv: "KeyValue", *, record: str, keys: tuple[bytes, ...], raw: bool, output: str) -> ExitCode:
    """Read items of record ID by their keys; without KEY, all items."""
    if raw and len(keys) != 1:
        raise click.UsageError("--raw writes one value; give one KEY")
    found = await kv.get_many(record, keys) if keys else {item.key: item async for item in kv.scan(record)}
    if raw:
        standard_output().write(found[keys[0]].value if found else b"")
    else:
        with writer(output, COLUMNS) as out:
            for item in found.values():
                out.write(item_row(item, output))
    missing = [to_cell(key) for key in keys if key not in found]
    if missing or not found:
        what = f"{', '.join(missing)} in {record}" if missing else record
        click.echo(f"prism: not found: {what}", err=True)
        return ExitCode.NEGATIVE
    return ExitCode.OK


@click.command(cls=KeyValueCommand)
@_record
@click.argument("items", metavar="KEY=VALUE...", type=pair, nargs=-1, required=True)
@_ttl
@_expires_at
@click.option("--keep-ttl", is_flag=True, help="Keep the time to live that existing items have.")
@_metadata
@click.option(
    "--idempotency-key",
    default="",
    help="Key under which to repeat the put safely: within 24 hours, a put with the same key is applied only once.",
)
@output_option
async def put(
    kv: "KeyValue",
    *,
    record: str,
    items: tuple[tuple[bytes, bytes], ...],
    ttl: float | None,
    expires_at: datetime | None,
    keep_ttl: bool,
    metadata: tuple[str, ...],
    idempotency_key: str,
    output: str,
) -> ExitCode:
    """Store items in record ID and print their new versions.

    Without --ttl and --expires-at an item lives for ever, even if it had a time to live before. Give a KEY that
    contains "=" as base64:..., without padding.
    """
    from prism.client import Value

    _one_expiry(ttl, expires_at)
    values = {key: Value(value, _notes(metadata)) for key, value in items}
    if len(values) < len(items):
        raise click.UsageError("give each KEY once")
    versions = await kv.put(
        record, values, ttl=ttl, expires_at=expires_at, keep_ttl=keep_ttl, idempotency_key=idempotency_key
    )
    shown = to_cell if output == "table" else to_json
    with writer(output, ("key", "version")) as out:
        for key, version in versions.items():
            out.write({"key": shown(key), "version": version_text(version)})
    return ExitCode.OK


@click.command(cls=KeyValueCommand)
@_record
@click.argument("keys", metavar="[KEY]...", type=octets, nargs=-1)
@click.option(
    "--record", "whole", is_flag=True, help="Say that the whole record is meant; so it is where no KEY is given."
)
@output_option
async def delete(kv: "KeyValue", *, record: str, keys: tuple[bytes, ...], whole: bool, output: str) -> ExitCode:
    """Delete items of record ID by their keys; without KEY, all items. A missing item is not an error."""
    if keys and whole:
        raise click.UsageError("--record deletes the whole record; give KEYs or --record")
    count = len(await kv.delete(record, keys)) if keys else await kv.delete_record(record)
    show(output, {"deleted": count})
    return ExitCode.OK


@click.command(cls=KeyValueCommand)
@_record
@click.argument("key", type=octets)
@click.argument("new", type=octets, required=False)
@click.option(
    "--delete", "remove", is_flag=True, help="Delete the item, if the condition holds, instead of storing a NEW value."
)
@click.option("--expect", type=octets, metavar="VALUE", help="Swap only if the current value equals VALUE.")
@click.option(
    "--expect-version",
    metavar="VERSION",
    help="Swap only if the current version, which `prism kv get` prints, is VERSION.",
)
@click.option("--expect-absent", is_flag=True, help="Store NEW only if the item does not exist yet.")
@_ttl
@_expires_at
@_metadata
@output_option
async def cas(
    kv: "KeyValue",
    *,
    record: str,
    key: bytes,
    new: bytes | None,
    remove: bool,
    expect: bytes | None,
    expect_version: str | None,
    expect_absent: bool,
    ttl: float | None,
    expires_at: datetime | None,
    metadata: tuple[str, ...],
    output: str,
) -> ExitCode:
    """Store NEW in item KEY of record ID if the item is as expected, and print the item after the call."""
    from prism.client import Item, Value

    _one_expiry(ttl, expires_at)
    if (new is None) != remove:
        raise click.UsageError("give a NEW value or --delete")
    if sum((expect is not None, expect_version is not None, expect_absent)) != 1:
        raise click.UsageError("give one of --expect, --expect-version and --expect-absent")
    expected: Item | bytes | None = expect
    if expect_version is not None:
        expected = Item(key, version=_version(expect_version))
    value = None if new is None else Value(new, _notes(metadata))
    swap = await kv.compare_and_swap(record, key, expected, value, ttl=ttl, expires_at=expires_at)
    current = item_row(swap.current, output) if swap.current else None
    show(output, {"swapped": swap.swapped, "current": current})
    return ExitCode.OK if swap else ExitCode.NEGATIVE


@click.command(cls=KeyValueCommand)
@_record
@click.argument("keys", metavar="KEY...", type=octets, nargs=-1, required=True)
@_ttl
@_expires_at
@click.option("--never", is_flag=True, help="Remove the time to live, so that the items never expire.")
@output_option
async def expire(
    kv: "KeyValue",
    *,
    record: str,
    keys: tuple[bytes, ...],
    ttl: float | None,
    expires_at: datetime | None,
    never: bool,
    output: str,
) -> ExitCode:
    """Set when items of record ID expire, or that they do not with --never."""
    if (ttl is not None) + (expires_at is not None) + never != 1:
        raise click.UsageError("give one of --ttl, --expires-at and --never")
    found = await (kv.persist(record, keys) if never else kv.expire(record, keys, ttl, expires_at=expires_at))
    shown = to_cell if output == "table" else to_json
    with writer(output, ("key", "found")) as out:
        for key in keys:
            out.write({"key": shown(key), "found": key in found})
    return ExitCode.OK if set(keys) <= set(found) else ExitCode.NEGATIVE


def _one_expiry(ttl: float | None, expires_at: datetime | None) -> None:
    if ttl is not None and expires_at is not None:
        raise click.UsageError("give --ttl or --expires-at, not both")


def _notes(metadata: tuple[str, ...]) -> dict[str, str]:
    notes = {}
    for each in metadata:
        name, separator, text = each.partition("=")
        if not separator:
            raise click.UsageError(f"--metadata {each}: give NAME=TEXT")
        notes[name] = text
    return notes


def _version(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise click.UsageError(f"--expect-version {text}: give a version as `prism kv get` prints it") from error
