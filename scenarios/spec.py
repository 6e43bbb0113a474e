"""What the scenario's models share: closed keys, problems between keys, and ranges to draw from."""

from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Spec(BaseModel):
    """Part of a scenario: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Problem(NamedTuple):
    """One thing that several keys say together and that cannot be."""

    path: tuple[str | int, ...]
    """Keys below the model that found it; the first that a reader would change."""
    message: str
    refers: tuple[str, ...] | None = None
    """Definition that is missing; kept silent while that definition is itself at fault."""


def refuse(problems: list[Problem]) -> None:
    """Raise all problems of a model in one validation error, or return when there are none."""
    if problems:
        text = "; ".join(problem.message for problem in problems)
        raise PydanticCustomError("problems", "{text}", {"text": text, "problems": problems})


class Range(NamedTuple):
    """A number, or two between which every peer draws its own; never negative."""

    low: float
    high: float

    @classmethod
    def parse(cls, value: object) -> "Range":
        """Read ``5`` or ``[3, 10]``.

        Raises
        ------
        ValueError
            Not one or two numbers, negative, not finite, or the wrong way round.
        """
        ends = value if isinstance(value, list | tuple) else (value, value)
        if len(ends) != 2 or not all(_is_number(end) for end in ends):
            raise ValueError(f"{value!r} is neither a number nor a range")
        low, high = (float(end) for end in ends)
        if not 0 <= low <= high < float("inf"):
            raise ValueError(f"{value!r} is not a range; expected 0 <= low <= high")
        return cls(low, high)

    @classmethod
    def parse_positive(cls, value: object) -> "Range":
        """Read a range that excludes zero."""
        drawn = cls.parse(value)
        if drawn.low == 0:
            raise ValueError(f"{value!r} reaches zero; expected more than that")
        return drawn

    def plain(self) -> float | list[float]:
        """Return it as it is written in a file."""
        return self.low if self.low == self.high else [self.low, self.high]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _range_core_schema(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "number", "minimum": 0}
        pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        return {"anyOf": [number, pair]}


class _Positive:
    """Annotation that makes a `Range` exclude zero."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _range_core_schema(Range.parse_positive)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "number", "exclusiveMinimum": 0}
        pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        return {"anyOf": [number, pair]}


POSITIVE = _Positive()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range_core_schema(parse: Any) -> CoreSchema:
    return core_schema.no_info_plain_validator_function(
        parse, serialization=core_schema.plain_serializer_function_ser_schema(Range.plain)
    )
