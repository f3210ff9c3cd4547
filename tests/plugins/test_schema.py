"""Options of models in words, of models that nobody documented as well."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic.errors import PydanticInvalidForJsonSchema

from prism.plugins.schema import options
from prism.sdk import Config


class Documented(Config):
    """One that follows the rules.

    Attributes:
        size: how much.
        password: what opens it.
    """

    size: int
    password: SecretStr | None = None


class Odd(Config):
    """What others write."""

    anything: Any = None
    either: int | str = 5
    many: list[Any] = []  # noqa: RUF012  # what others write
    on: bool = True


def test_what_a_model_says_is_told_in_words() -> None:
    """Kind, default, whether it is required or secret, and the line of the docstring."""
    size, password = options(Documented)
    assert (size.name, size.kind, size.required, size.meaning) == ("size", "integer", True, "how much")
    assert (password.kind, password.default, password.secret) == ("secret text", "none", True)


def test_what_it_does_not_say_is_left_out() -> None:
    """Whatever the model of a third party is made of, there is something to show."""
    assert [(each.kind, each.default, each.meaning) for each in options(Odd)] == [
        ("any value", "none", ""), ("integer or text", "5", ""), ("list of any value", "none", ""),
        ("true or false", "yes", ""),
    ]  # fmt: skip


def test_an_option_that_no_file_can_give_is_refused() -> None:
    """A function is none."""

    class Defective(Config):
        hook: Callable[[], None]

    with pytest.raises(PydanticInvalidForJsonSchema):
        list(options(Defective))
