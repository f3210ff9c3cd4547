"""`prism completion`: the script that completes commands in a shell."""

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
To use it in this shell:
  bash   eval "$(prism completion bash)"
  zsh    eval "$(prism completion zsh)"
  fish   prism completion fish | source
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands in SHELL."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click has no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "prism", "_PRISM_COMPLETE").source())
