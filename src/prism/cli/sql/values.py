"""Values on the command line: parameters as they are typed, and what is shown of a value."""

import base64
import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import click

from prism.client.values import Json, Other, Plain, from_value
from prism.interfaces.value import Value

SYNTAX = (
    "A parameter is JSON where it can be read as such (7, 0.5, true, null, [1, 2]) and else text; a value of another "
    'kind is an object with its kind, {"decimal": "1.10"} or {"other": {"type": "date", "text": "2026-11-30"}}.'
)


class Parameter(click.ParamType[Any]):
    """A parameter of a statement."""

    name = "value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The plain Python value."""
        try:
            read = json.loads(value)
        except ValueError:
            return value
        if isinstance(read, dict):
            from google.protobuf.json_format import ParseDict, ParseError

            try:
                return from_value(ParseDict(read, Value()))
            except ParseError as error:
                self.fail(f"{value} is not a value: {error}", param, ctx)
        return read


def shown(value: Any) -> Plain:
    """What JSON has of it."""
    match value:
        case bytes():
            return "base64:" + base64.b64encode(value).decode()
        case datetime() | date() | time():
            return value.isoformat()
        case float() if value != value or value in {float("inf"), float("-inf")}:
            return str(value)
        case Decimal() | UUID():
            return str(value)
        case Json() | Other():
            return value.text
        case list():
            return [shown(each) for each in value]
        case dict():
            return {name: shown(each) for name, each in value.items()}
    plain: Plain = value
    return plain
