"""Sections are compiled when the first one is read, and are the same to who reads them."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from prism.config.sections.relay import RelaySection
from prism.config.sections.root import Config
from prism.config.sections.section import Apart, Section


class Inner(Section):
    """Of the tests."""

    size: int = Field(default=1, ge=1)


class Outer(Section):
    """Of the tests."""

    inner: Annotated[Inner, Apart()] = Inner.model_construct()


def test_an_absent_section_is_not_compiled() -> None:
    """Its defaults are there without that; the first that is read compiles it."""
    assert Outer.model_validate({}).inner.size == 1
    assert not Inner.__pydantic_complete__
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"size": 0}})
    assert [each["loc"] for each in caught.value.errors()] == [("inner", "size")]
    assert Inner.__pydantic_complete__
    assert Outer.model_validate({"inner": {"size": 2}}).model_dump(exclude_unset=True) == {"inner": {"size": 2}}


def test_what_is_absent_equals_what_is_empty() -> None:
    """In the whole file, a section of defaults is the same however it came about."""
    given = [name for name, field in Config.model_fields.items() if isinstance(field.default, Section)]
    assert {"gateway", "telemetry", "supervision"} <= {*given}
    assert Config.model_validate(dict.fromkeys(given)) == Config()


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": "https://gateway:8980"},
        {"endpoint": "gateway"},
        {"endpoint": "gateway:70000"},
        {"endpoint": "unix:/run/prism.sock", "ca": "/etc/ca.pem"},
    ],
)
def test_a_relay_calls_a_gateway(given: dict[str, str]) -> None:
    """An address that is none is refused where it is written, and not by the relay when it starts."""
    kept = {"mailbox": "shop/orders", "to": "work/orders"}
    RelaySection.model_validate(kept | {"endpoint": "[::1]:8980", "ca": "/etc/ca.pem"})
    with pytest.raises(ValidationError, match=r"not the address of a gateway|a unix socket does not"):
        RelaySection.model_validate(kept | given)
