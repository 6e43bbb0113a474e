"""Pydantic's errors in our words: the value, what was expected, and the unit of the key."""

import typing
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from .rules import nearest
from .schema import Scenario

_NUMBERS = {"float_type", "float_parsing", "int_type", "int_parsing", "int_from_float"}
_SHAPES = {
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "tuple_type": "a list",
    "list_type": "a list",
    "string_type": "text",
}


def message(error: ErrorDetails, model: type[BaseModel] = Scenario) -> str:
    """Say what is wrong with one value and what was expected.

    Parameters
    ----------
    error : dict
        One entry of `pydantic.ValidationError.errors`.
    model : type
        What was validated.
    """
    kind, location = error["type"], error["loc"]
    shown = _shown(error["input"])
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(str(location[-1]), _known_keys(location[:-1], model))}"
    field = _field(location, model)
    unit = _unit(field)
    if kind == "missing":
        purpose = (field.description or "") if field else ""
        return f"missing; expected {purpose[:1].lower()}{purpose[1:].rstrip('.')}".rstrip()
    if kind == "value_error":
        text = str(error["ctx"]["error"])
        numbers = f"; expected a number in {unit}, or [low, high]"
        return text if "expected" in text or unit is None else text + numbers
    if kind in _NUMBERS:
        what = "a whole number" if kind.startswith("int") else "a number"
        return f"{shown} is not {what}; expected {what}" + (f" in {unit}" if unit else "")
    if kind in _SHAPES:
        return f"{shown} is not {_SHAPES[kind]}; expected {_SHAPES[kind]}"
    if kind == "string_pattern_mismatch":
        return f"{shown} is not a name; expected letters, digits, '_' or '-', no other signs"
    if kind == "timezone_aware":
        return f"{shown} has no time zone; expected one, such as 2016-06-14T11:45:00+02:00"
    text = error["msg"].removeprefix("Input should be ")
    suffix = f" [{unit}]" if unit and unit != "1" else ""
    return f"{shown} does not fit; expected {text[:1].lower()}{text[1:]}{suffix}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unit(field: FieldInfo | None) -> str | None:
    text = (field.description or "") if field else ""
    return text.rpartition("[")[2].removesuffix("]") if text.endswith("]") else None


def _known_keys(location: tuple[int | str, ...], top: type[BaseModel]) -> set[str]:
    return {name for model in _models(location, top) for name in model.model_fields}


def _field(location: tuple[int | str, ...], top: type[BaseModel]) -> FieldInfo | None:
    for depth in range(len(location), 0, -1):
        for model in _models(location[: depth - 1], top):
            field = model.model_fields.get(str(location[depth - 1]))
            if field is not None:
                return field
    return None


def _models(location: tuple[int | str, ...], top: type[BaseModel]) -> list[type[BaseModel]]:
    """Find the models that a value at this location can be."""
    found: list[tuple[str | None, type[BaseModel]]] = [(None, top)]
    for part in location:
        if str(part).startswith("<"):
            found = [(None, model) for tag, model in found if tag == part]
            continue
        fields = [(m, m.model_fields.get(str(part))) for _, m in found]
        inner = [c for _, field in fields if field for c in _inside(field.annotation)]
        found = inner if any(field for _, field in fields) else found  # an index or a free key
    return [model for _, model in found]


def _inside(
    annotation: Any, tag: str | None = None
) -> Iterator[tuple[str | None, type[BaseModel]]]:
    """List the models inside an annotation, with the union tag that selects each."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield tag, annotation
    if typing.get_origin(annotation) is Annotated:
        tags = [m.tag for m in annotation.__metadata__ if isinstance(m, Tag)]
        yield from _inside(annotation.__origin__, tags[0] if tags else tag)
        return
    for argument in typing.get_args(annotation):
        yield from _inside(argument, tag)
