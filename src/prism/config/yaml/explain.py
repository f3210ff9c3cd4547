"""Puts what a model refuses into words: the place in the file, what was found, what is allowed, the nearest spelling.

A value is repeated only where it cannot be a secret.
"""

import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from prism.config.secrets import SECRET_FIELD
from prism.config.yaml.document import Document
from prism.config.yaml.problem import Loc, Problem, nearest
from prism.redactor import Redactor

_SHOWN = 60
_KEY = "[key]"  # what pydantic adds to a place where it means the key, not the value
_QUOTED = re.compile(r"'([^']*)'")
_SIZE = "a number of bytes, such as 65536, 512KiB or 4MiB"
_ALLOWED = {
    "string_type": "text; a number, true or false is text in quotes",
    "string_too_short": "text of {min_length} characters at least",
    "string_too_long": "text of {max_length} characters at most",
    "string_pattern_mismatch": "text that matches {pattern}",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "byte_size": _SIZE,
    "byte_size_unit": _SIZE,
    "path_type": "the path of a file or folder, as text",
    "too_short": "a list of {min_length} at least",
    "too_long": "a list of {max_length} at most",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
}
"""What is allowed where pydantic's own words would say it in Python's terms, by the type of its error."""


def problems(
    document: Document, base: Loc, data: Any, model: type[BaseModel], error: ValidationError, redactor: Redactor
) -> Iterator[Problem]:
    """The problems that a model has with the data at `base`.

    Args:
        document: knows the places.
        base: where the data is.
        data: what was validated.
        model: what refused it.
        error: the refusal.
        redactor: takes secrets out of what is repeated.
    """
    errors = [(each, _real(each["loc"], data)) for each in error.errors(include_url=False)]
    for each, loc in errors:
        # A list is too short for pydantic when its elements are refused, and those have problems of their own.
        if each["type"] == "too_short" and any(other[: len(loc)] == loc != other for _, other in errors):
            continue
        yield _problem(document, base, loc, model, each, redactor)


def _problem(
    document: Document, base: Loc, loc: Loc, model: type[BaseModel], error: ErrorDetails, redactor: Redactor
) -> Problem:
    place = (*base, *loc)
    match error["type"]:
        case "extra_forbidden":
            allowed = sorted(_fields(model, loc[:-1]))
            close = nearest(str(loc[-1]), allowed)
            listed = ", ".join(allowed) or "none"
            return document.problem(place, "there is no such key here", allowed=listed, nearest=close, key=True)
        case "missing":
            return document.problem(place, "this key is missing", found="nothing")
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_tag(document, place, error, redactor)
    message, allowed_text, close = _words(error)
    hidden = _is_secret(model, place, loc)
    found = kind_of(error["input"]) if hidden else shown(error["input"], redactor)
    if hidden or (isinstance(error["input"], str) and redactor.scrub(error["input"]) != error["input"]):
        close = ""  # it may be the secret in another spelling
    return document.problem(
        place,
        redactor.scrub(message),
        found=found,
        allowed=redactor.scrub(allowed_text),
        nearest=redactor.scrub(close),
        key=error["loc"][-1:] == (_KEY,),
    )


def _wrong_tag(document: Document, place: Loc, error: ErrorDetails, redactor: Redactor) -> Problem:
    """Of a section whose kind a key of its own tells, such as `plugin.type`."""
    context = error.get("ctx", {})
    allowed, found = str(context.get("expected_tags", "")), str(context.get("tag", ""))
    close = nearest(found, _QUOTED.findall(allowed))
    return document.problem(
        (*place, str(context["discriminator"]).strip("'")),
        "not one of the values allowed" if found else "this key is missing",
        found=repr(found) if found else "nothing",
        allowed=allowed,
        nearest=redactor.scrub(close),
    )


def _words(error: ErrorDetails) -> tuple[str, str, str]:
    """What is wrong with a value, what is allowed, and the nearest spelling."""
    context = error.get("ctx", {})
    match error["type"]:
        case "prism":
            return error["msg"], context.get("allowed", ""), context.get("nearest", "")
        case "literal_error" | "enum":
            allowed = str(context.get("expected", ""))
            return "not one of the values allowed", allowed, nearest(str(error["input"]), _QUOTED.findall(allowed))
        case kind if kind in _ALLOWED:
            return "this value is not allowed", _ALLOWED[kind].format(**context), ""
    message, _, allowed = error["msg"].partition("Input should be ")
    return message.removeprefix("Value error, ").strip() or "this value is not allowed", allowed, ""


def shown(value: Any, redactor: Redactor) -> str:
    """A value for a message, shortened, without what is secret in it."""
    if isinstance(value, str):
        text = redactor.scrub(value)
        return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
    if isinstance(value, bool):
        return f"{str(value).lower()} ({kind_of(value)})"
    return f"{value} ({kind_of(value)})" if isinstance(value, int | float) else kind_of(value)


def kind_of(value: Any) -> str:
    """What kind of value it is, without the value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
    return "a mapping" if isinstance(value, dict) else "another value"


def _real(loc: Loc, data: Any) -> Loc:
    """The place in the data: what pydantic adds for the members of unions is left out."""
    real: list[str | int] = []
    for index, step in enumerate(loc):
        if step == _KEY:
            break
        if isinstance(data, dict):
            there = step in data or index == len(loc) - 1
        else:
            there = isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)
        if there:
            real.append(step)
            data = data.get(step) if isinstance(data, dict) else data[step]
    return tuple(real)


def _models(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    """The models that may stand at `loc` of a value of `model`."""
    found = [model]
    for step in loc:
        annotations = [field.annotation for each in found if (field := _own_fields(each).get(str(step)))]
        if annotations:
            found = [each for annotation in annotations for each in _parts(annotation) if _is_model(each)]
    return found


def _fields(model: type[BaseModel], loc: Loc) -> dict[str, FieldInfo]:
    return {name: field for each in _models(model, loc) for name, field in _own_fields(each).items()}


def _own_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_secret(model: type[BaseModel], place: Loc, loc: Loc) -> bool:
    names = [step for step in loc if isinstance(step, str)]
    if "credentials" in place or (names and SECRET_FIELD.search(names[-1])):
        return True
    field = _fields(model, loc[: loc.index(names[-1])]).get(names[-1]) if names else None
    return field is not None and any(part in (SecretStr, SecretBytes) for part in _parts(field.annotation))


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for each in get_args(annotation):
        yield from _parts(each)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
