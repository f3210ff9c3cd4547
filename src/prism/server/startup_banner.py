"""The startup banner: what the gateway serves, where, and how callers are authenticated; and a command to try."""

import logging
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from itertools import islice

import click

from prism.config.sections.audit import STANDARD_OUTPUT
from prism.config.sections.root import is_loopback
from prism.control.control import Control
from prism.server.ports import Addresses
from prism.wire.native import DESCRIPTION

_WAITING_SHOWN = 5

log = logging.getLogger(__name__)


class StartupBanner:
    """Says to operators, and to the program that started the process, that it serves and where.

    Args:
        control: knows what is served.
        examples: a command to try by abstraction, with `{}` for the namespace; the first that fits is shown.
    """

    def __init__(self, control: Control, examples: Mapping[str, str]) -> None:
        self._control = control
        self._examples = examples

    def make(self, addresses: Addresses) -> None:
        """Says it."""
        config = self._control.config
        # An audit trail on standard output is for machines: it has that to itself.
        say = partial(click.echo, err=config.audit.output == STANDARD_OUTPUT)
        say(self._serves())
        for address in addresses.data:
            tls = addresses.secured and not address.startswith("unix:")
            say(f"  data     {address}  gRPC and HTTP/JSON{' over TLS' * tls}")
            if not is_loopback(address):
                self._warn_of(address, secured=tls)
        if admin := addresses.admin:
            tls = config.admin.tls is not None and not admin.startswith("unix:")
            reach = ", local only" if is_loopback(admin) else ""
            say(f"  admin    {admin}  gRPC and HTTP/JSON{' over TLS' * tls}{reach}")
        say(f"  callers  {self._asked()}")
        say(f"  metrics  http://{addresses.probes}/metrics, probes at /health/live and /health/ready")
        say(f"  wire     {DESCRIPTION}")
        refused = self._refused()
        for name, reason in islice(refused.items(), _WAITING_SHOWN):
            say(f"  waiting  {name}: {reason}")
        if len(refused) > _WAITING_SHOWN:
            say(f"  waiting  {len(refused) - _WAITING_SHOWN} more: /health/ready lists them")
        if command := self._command(addresses.data[0], secured=addresses.secured):
            say(f"  try      {command}")

    def _refused(self) -> dict[str, str]:
        """The namespaces that are not served, and why."""
        refusals = ((name, each.refusal) for name, each in self._control.served.items())
        return {name: self._control.scrub(reason) for name, reason in refusals if reason}

    def _serves(self) -> str:
        served, refused = self._control.served, self._refused()
        count = f"{len(served) - len(refused)} of {len(served)}" if refused else f"{len(served)}"
        identities = {each.instance.identity or each.instance.backend for each in self._control.instances}
        stores = sorted(map(self._control.scrub, identities))
        shown = f"{stores[0]} and {len(stores) - 1} more" if len(stores) > 1 else "".join(stores)
        namespaces = f"namespace{'s' * (len(served) != 1)}"
        return f"prism {version('prism-gateway')} serves {count} {namespaces} on {shown or 'no store'}"

    def _asked(self) -> str:
        """How callers are authenticated."""
        config = self._control.config
        if config.authentication is None:
            return "local only, authentication disabled"
        if not config.authentication.methods:
            return "authentication disabled"
        methods = ", ".join(dict.fromkeys(each.type for each in config.authentication.methods))
        rules = len(config.authorization.rules) if config.authorization else 0
        return f"authenticated by {methods}; {rules} authorization rule{'s' * (rules != 1)}"

    def _command(self, address: str, *, secured: bool) -> str:
        """A command that works, on a namespace that serves; empty where there is none yet."""
        refused = self._refused()
        for name, each in self._control.served.items():
            tried = next((words for kind, words in self._examples.items() if kind in each.spec.abstractions), "")
            if tried and name not in refused:
                endpoint = "" if address.endswith(":8980") else f" --endpoint {address}"
                tls = " --tls-ca FILE" if secured and not address.startswith("unix:") else ""
                return f"prism {tried.format(name)}{endpoint}{tls}{self._proof()}"
        return ""

    def _proof(self) -> str:
        """The options that authenticate the command, where authentication is on."""
        authentication = self._control.config.authentication
        kinds = {each.type for each in authentication.methods} if authentication else set()
        if kinds & {"oidc", "api_keys"}:
            return " --token TOKEN"
        return " --tls-cert FILE --tls-key FILE" if "mtls" in kinds else ""

    def _warn_of(self, address: str, *, secured: bool) -> None:
        authentication = self._control.config.authentication
        if authentication is None or not authentication.methods:
            log.warning(
                "address %s is exposed to the network without authentication, so every client may call it; set "
                "`authentication`, or listen on 127.0.0.1",
                address,
            )
        elif not secured:
            log.warning(
                "address %s takes credentials in clear text; set gateway.tls, or put a TLS proxy in front of it",
                address,
            )
