"""The option that names a configuration file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def config_option(meaning: str, *, required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--config`, by its meaning for the command."""
    return click.option(
        "-c",
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar="PRISM_CONFIG",
        show_envvar=True,
        required=required,
        help=meaning,
    )
