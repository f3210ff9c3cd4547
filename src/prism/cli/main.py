"""The root of the command line: its groups of commands, and how a run ends."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from prism.cli.exit_code import ExitCode, exit_code_of
from prism.cli.lazy_group import LazyGroup, ReaderGone
from prism.cli.standard_streams import complete_streams, discard_output


@dataclass(slots=True)
class Settings:
    """Settings of the whole run; `debug` shows errors with a traceback."""

    debug: bool = False


@click.group(
    "prism",
    cls=LazyGroup,
    lazy={
        "serve": ("prism.cli.serve:serve", "Run a gateway."),
        "kv": ("prism.cli.kv:kv", "Read and write KeyValue data through a gateway."),
        "cache": ("prism.cli.cache:cache", "Read and write a cache through a gateway."),
        "pubsub": ("prism.cli.pubsub:pubsub", "Publish and subscribe to messages through a gateway."),
        "queue": ("prism.cli.queue:queue", "Publish and consume work through a gateway."),
        "object": ("prism.cli.object:object_", "Store and get objects through a gateway."),
        "graph": ("prism.cli.graph:graph", "Make nodes and edges, and follow them, through a gateway."),
        "series": ("prism.cli.series:series", "Store events by their time and ask for them through a gateway."),
        "reader": ("prism.cli.reader:reader", "Read the rows of tables through a gateway."),
        "transact": ("prism.cli.transact:transact", "Look at mailboxes and their readers through a gateway."),
        "role": ("prism.cli.role:role", "Move messages between a queue and a broker: a container role."),
        "relay": ("prism.cli.relay:relay", "Hand the messages of a mailbox to a queue or a topic."),
        "sql": ("prism.cli.sql:sql", "Run statements of SQL through a gateway."),
        "call": ("prism.cli.call:call", "Run any operation through a gateway, those of plugins' own too."),
        "namespace": ("prism.cli.namespace:namespace", "Show and validate the namespaces of a configuration."),
        "plugin": ("prism.cli.plugin:plugin", "Manage the plugins of a running gateway."),
        "policy": ("prism.cli.policy:policy", "Check who may do what in a configuration; make API keys."),
        "acceptance": ("prism.cli.acceptance:acceptance", "Test that a plugin does what its manifest declares."),
        "completion": ("prism.cli.completion:completion", "Print the script that completes commands in a shell."),
        "version": ("prism.cli.version:version", "Print the version."),
    },
    epilog=ExitCode.documentation(),
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "PRISM"},
)
@click.option("--debug", is_flag=True, help="Print a traceback with every error.")
@click.pass_obj
def root(settings: Settings, *, debug: bool) -> None:
    """Prism: one typed API for data, any store behind it."""
    settings.debug = debug


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with one of `ExitCode`."""
    settings = Settings()
    complete_streams()
    try:
        code = root.main(arguments, prog_name="prism", standalone_mode=False, obj=settings)
        if sys.stdout is not None:  # it is None where the shell closed it
            sys.stdout.flush()
    except (BrokenPipeError, ReaderGone):
        discard_output()
        code = ExitCode.OK
    except (KeyboardInterrupt, click.Abort):
        code = ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except UnicodeEncodeError as error:
        click.echo(
            f"prism: {error.object!r} is not UTF-8; give keys and values that are not text as base64:...", err=True
        )
        code = ExitCode.USAGE
    except Exception as error:
        if settings.debug:
            raise
        click.echo(f"prism: {_sentence(error)}", err=True)
        code = exit_code_of(error)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def _sentence(error: Exception) -> str:
    from prism.errors import PrismError

    if isinstance(error, PrismError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}; `prism --debug ...` shows where"
