"""Skips, each with its reason in words that the report counts by: none is silent."""

from typing import NoReturn

import pytest

NOT_DECLARED = "not declared: "
NOT_APPLICABLE = "not applicable: "
NOT_HERE = "not here: "
NO_WORKLOAD = "the kit has no workload for what the plugin serves"


def not_declared(capability: str) -> NoReturn:
    """The plugin does not declare what the test is about."""
    pytest.skip(f"{NOT_DECLARED}{capability}")


def not_applicable(reason: str) -> NoReturn:
    """The test means nothing for this plugin, for a reason that its store declares."""
    pytest.skip(f"{NOT_APPLICABLE}{reason}")


def not_here(reason: str) -> NoReturn:
    """What the test needs cannot be had on this machine."""
    pytest.skip(f"{NOT_HERE}{reason}")
