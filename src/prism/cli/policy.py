"""`prism policy`: who may do what in a configuration file, without starting anything; and new API keys."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prism.cli.config_option import config_option
from prism.cli.exit_code import ExitCode
from prism.cli.output import output_option, show, writer

if TYPE_CHECKING:
    from prism.config.sections.authentication import AuthenticationSection
    from prism.principal import Principal

OPERATIONS = ("read", "write", "consume", "manage", "admin")


@click.group()
def policy() -> None:
    """Check who may do what in a configuration, and make API keys."""


@policy.command()
@config_option("Path of the configuration file to read.", required=True)
@click.option(
    "--principal", required=True, metavar="NAME", help="Name of the caller to check, as authentication gives it."
)
@click.option("--namespace", required=True, metavar="NAME", help="Name of the namespace to check; it need not exist.")
@click.option("--operation", required=True, type=click.Choice(OPERATIONS), help="Class of the operation to check.")
@click.option("--abstraction", help="Abstraction of the operation; `sql` needs a rule that names it.")
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Name of a group that the caller belongs to; repeatable."
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=VALUE",
    help="Claim that the caller's token holds, as NAME=VALUE; repeatable.",
)
@click.option(
    "--certificate",
    "fields",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Field that the caller's certificate holds, as FIELD=VALUE; repeatable.",
)
@output_option
@click.pass_context
def test(
    ctx: click.Context,
    *,
    config: Path,
    principal: str,
    namespace: str,
    operation: str,
    abstraction: str | None,
    groups: tuple[str, ...],
    claims: tuple[str, ...],
    fields: tuple[str, ...],
    output: str,
) -> None:
    """Say whether a call would be allowed, and why each rule allows it or not.

    If NAME is an API key of the configuration, the key's groups and its limits to namespaces and operations apply too.
    Exits with 0 if the call is allowed, with 4 if not.
    """
    from prism.config.access import Access
    from prism.config.loading import load
    from prism.config.sections.authorization import AuthorizationSection
    from prism.interfaces.catalogue import interfaces
    from prism.plugins.discovery import discover

    if abstraction is not None and abstraction not in interfaces():
        raise click.BadParameter(f"{abstraction!r} is not one of {', '.join(interfaces())}", param_hint="--abstraction")
    loaded = load(config, discover()).config
    if loaded.authentication is None or not loaded.authentication.methods:
        raise click.UsageError(f"{config} has no authentication, so every call is allowed; add authentication")
    who = _principal(
        loaded.authentication, principal, groups, _pairs("--claim", claims), _pairs("--certificate", fields)
    )
    explanation = Access(loaded.authorization or AuthorizationSection()).explain(who, namespace, operation, abstraction)
    rules = [{"rule": f"rules[{number}]", "allows": not lacks, "because": lacks} for number, lacks in explanation.rules]
    if output == "table":
        verdict = "may" if explanation.allowed else "may not"
        click.echo(
            f"{principal} {verdict} {operation} on {namespace}{f': {explanation.scope}' * bool(explanation.scope)}"
        )
        with writer(output, ("rule", "allows", "because")) as out:
            for rule in rules:
                out.write(rule)
    else:
        show(output, {"allowed": explanation.allowed, "credential": explanation.scope, "rules": rules})
    ctx.exit(ExitCode.OK if explanation.allowed else ExitCode.REFUSED)


@policy.command()
@click.option("--name", required=True, metavar="NAME", help="Name of the caller that will use the API key.")
@output_option
def key(name: str, output: str) -> None:
    """Make an API key. Give the key to the caller, and put its hash into the configuration. It is shown only once."""
    import hashlib
    import secrets

    from prism.config.sections.authentication import KEY_PREFIX

    fresh = KEY_PREFIX + secrets.token_urlsafe(32)
    show(output, {"name": name, "key": fresh, "hash": f"sha256:{hashlib.sha256(fresh.encode()).hexdigest()}"})


def _principal(
    section: "AuthenticationSection",
    name: str,
    groups: tuple[str, ...],
    claims: Mapping[str, tuple[str, ...]],
    fields: Mapping[str, tuple[str, ...]],
) -> "Principal":
    from prism.config.sections.authentication import ApiKeys
    from prism.gateway.auth.api_key import principal_of
    from prism.principal import Principal

    keys = [key for method in section.methods if isinstance(method, ApiKeys) for key in method.keys if key.name == name]
    if keys and not (claims or fields):
        known = principal_of(keys[0])
        return Principal(name, "api_key", known.groups | set(groups), scopes=known.scopes)
    return Principal(name, "test", frozenset(groups), claims, fields)


def _pairs(option: str, given: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE", param_hint=option)
        found[name] += (value,)
    return found
