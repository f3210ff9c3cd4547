"""`prism object head`, `copy` and `presign`: one object."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration
from prism.cli.exit_code import ExitCode
from prism.cli.object.group import ObjectCommand
from prism.cli.object.rows import object_row
from prism.cli.output import output_option, show, timestamp

if TYPE_CHECKING:
    from prism.client import ObjectStore


@click.command(cls=ObjectCommand)
@click.argument("key")
@click.option("--version", default="", help="This version, not the current one.")
@output_option
async def head(objects: "ObjectStore", *, key: str, version: str, output: str) -> ExitCode:
    """Show what is known of the object KEY."""
    found = await objects.head(key, version=version)
    if found is None:
        click.echo(f"prism: not found: {key}", err=True)
        return ExitCode.NEGATIVE
    show(output, {name: value for name, value in object_row(found, whole=True).items() if value not in (None, "", {})})
    return ExitCode.OK


@click.command(cls=ObjectCommand)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--if-absent", is_flag=True, help="Only if TO does not exist yet.")
@click.option("--if-match", default="", metavar="ETAG", help="Only if FROM has ETAG.")
@output_option
async def copy(
    objects: "ObjectStore", *, source: str, target: str, if_absent: bool, if_match: str, output: str
) -> ExitCode:
    """Store the object FROM under the key TO too."""
    found = await objects.copy(source, target, if_match=if_match, if_none_match="*" if if_absent else "")
    if found is None:
        click.echo(f"prism: not found: {source}", err=True)
        return ExitCode.NEGATIVE
    show(output, {"key": found.key, "etag": found.etag, "size": found.size})
    return ExitCode.OK


@click.command(cls=ObjectCommand)
@click.argument("key")
@click.option("--method", type=click.Choice(["GET", "PUT"], case_sensitive=False), default="GET", show_default=True)
@click.option("--expires", type=duration, help="How long it is good, such as 15m; 7d at most.")
@click.option("--max-size", type=click.IntRange(min=1), help="With PUT: most bytes.")
@click.option("--content-type", default="", help="With PUT: what it must be sent with.")
@click.option("--direct", is_flag=True, help="The store's own address, past the gateway and its rules.")
@output_option
async def presign(
    objects: "ObjectStore",
    *,
    key: str,
    method: str,
    expires: float | None,
    max_size: int | None,
    content_type: str,
    direct: bool,
    output: str,
) -> ExitCode:
    """Print an address: all who have it may get, or put, the object KEY."""
    kind: Any = method.upper()
    found = await objects.presign(
        key, kind, expires=expires, max_size=max_size or 0, content_type=content_type, direct=direct
    )
    url = found.url if "://" in found.url else _origin() + found.url
    if output == "table":
        click.echo(url)
    else:
        headers = dict(found.headers)
        show(output, {"url": url, "expires_at": timestamp(found.expires_at), "headers": headers})
    return ExitCode.OK


def _origin() -> str:
    """How this command reached the gateway; nothing over a unix socket, which no browser reaches."""
    given = click.get_current_context().params
    endpoint = str(given.get("endpoint", ""))
    if endpoint.startswith("unix:"):
        return ""
    secured = given.get("tls_ca") or given.get("tls_cert") or given.get("tls")
    return f"{'https' if secured else 'http'}://{endpoint}"
