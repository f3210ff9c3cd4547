"""Every test of the kit says which rule it checks, for a failure has to name it."""

import importlib
import inspect

import pytest

from prism.acceptance.suite import suites

TESTS = [
    pytest.param(function, id=f"{module.rpartition('.')[2]}.{name}")
    for suite in suites().values()
    for module in suite.modules()
    for name, function in inspect.getmembers(importlib.import_module(module), inspect.isfunction)
    if name.startswith("test_")
]


def test_every_rule_names_its_source() -> None:
    """A rule is a docstring that begins with where it stands: the contract, a .proto file, a design document."""
    rules = {each.id: inspect.getdoc(each.values[0]) or "" for each in TESTS}
    assert len(rules) > 200
    sources = ("CONTRACT", "proto", "plugin.proto", "ARCHITECTURE", "RFC-008")
    assert {name: rule for name, rule in rules.items() if not rule.startswith(sources)} == {}
