"""The group `prism plugin`."""

import click

from prism.cli.exit_code import ExitCode
from prism.cli.lazy_group import LazyGroup

_EXAMPLES = {
    "prism plugin list": "the backends that a namespace can use",
    "prism plugin describe postgres": "its options and capabilities",
    "prism plugin status": "the state of every namespace",
    "prism plugin status profiles": "one namespace, with its last probe and failure",
    "prism plugin reload profiles": "start a new instance; if that fails, the old one stays",
    "prism plugin logs profiles -f": "follow its output",
    'prism plugin disable profiles --reason "moving to db2"': "until it is enabled again",
}


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("prism.cli.plugin.catalogue:list_", "List the plugins that the gateway found."),
        "describe": ("prism.cli.plugin.catalogue:describe", "Show a plugin: its capabilities and its options."),
        "reload": ("prism.cli.plugin.change:reload", "Replace the instance of a namespace without failing a call."),
        "enable": ("prism.cli.plugin.change:enable", "Serve a namespace again."),
        "disable": ("prism.cli.plugin.change:disable", "Refuse the calls of a namespace."),
        "logs": ("prism.cli.plugin.logs:logs", "Show the output of a namespace's plugin."),
        "status": ("prism.cli.plugin.status:status", "Show the state of each namespace and its plugin."),
    },
    examples=_EXAMPLES,
    epilog=ExitCode.documentation(),
)
def plugin() -> None:
    """Manage the plugins of a running gateway, through its admin port.

    A plugin connects the gateway to one kind of store. By default the admin port listens on the gateway's own machine
    only; reach it from another one through `ssh -L 8981:127.0.0.1:8981 GATEWAY`.
    """
