"""The group `prism plugin`."""

import click

from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup

_EXAMPLES = {
    "prism plugin list": "what a namespace may name as its backend",
    "prism plugin describe postgres": "its options and what it promises",
    "prism plugin status": "how every namespace is served",
    "prism plugin status profiles": "one of them, with its last probe and failure",
    "prism plugin reload profiles": "a new instance; if it does not come up, the old one stays",
    "prism plugin logs profiles -f": "what it prints, as it comes",
    'prism plugin disable profiles --reason "moving to db2"': "until it is enabled again",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("prism.cli.plugin.catalogue:list_", "List the plugins that there are."),
        "describe": ("prism.cli.plugin.catalogue:describe", "Show a plugin: what it promises and its options."),
        "reload": ("prism.cli.plugin.change:reload", "Replace the instance of a namespace without failing a call."),
        "enable": ("prism.cli.plugin.change:enable", "Serve a namespace again."),
        "disable": ("prism.cli.plugin.change:disable", "Refuse the calls of a namespace."),
        "logs": ("prism.cli.plugin.logs:logs", "Show what the plugin of a namespace prints."),
        "status": ("prism.cli.plugin.status:status", "Show how the plugin of each namespace fares."),
    },
    examples=_EXAMPLES,
    epilog=ExitCode.documentation(),
)
def plugin() -> None:
    """Look after the plugins of a running gateway, through its admin port.

    A plugin serves namespaces on one kind of store. The admin port answers on the gateway's own machine only; from
    another one, reach it through `ssh -L 8981:127.0.0.1:8981 GATEWAY`.
    """
