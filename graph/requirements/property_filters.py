"""Filters and orders of requirements by the values of their properties."""

from collections.abc import Iterator, Sequence
from typing import Any

import strawberry
from strawberry import UNSET

from db.problem import Problem
from db.requirements.properties import PropertyType
from db.text import fault_in
from graph.kit import json_values
from graph.kit.connection import SortInput
from graph.kit.cursor import Key
from graph.kit.filters import (
    MAX_LIST_LENGTH,
    BooleanFilterInput,
    ConditionInput,
    DateFilterInput,
    FloatFilterInput,
    StringFilterInput,
    TagsFilterInput,
    UUIDFilterInput,
    operator,
)
from graph.requirements.definitions import SORTED

COMPARED = {
    "text": json_values.text_of,
    "number": json_values.number_of,
    "boolean": json_values.boolean_of,
    "date": json_values.day_of,
    "user": json_values.word_of,
}
"""The expression that each comparison compares."""


def _require_key(key: str, field: Sequence[str | int]) -> None:
    if fault := fault_in(key):
        raise Problem("INVALID", fault, field=(*field, "key"))


@strawberry.input(
    description="Compares the value of a property. All comparisons that are given must match. A"
    " value of another type than that of the comparison counts as null."
)
class PropertyValueFilterInput(ConditionInput):
    key: str = strawberry.field(description="The key of the property.")
    text: StringFilterInput | None = operator(
        "Compares a text, a URL, or the ID of the choice of a SELECT."
    )
    number: FloatFilterInput | None = operator("Compares a number.")
    boolean: BooleanFilterInput | None = operator("Compares a boolean.")
    date: DateFilterInput | None = operator("Compares a date.")
    user: UUIDFilterInput | None = operator("Compares the ID of a user.")
    choices: TagsFilterInput | None = operator("Compares the IDs of the choices of a MULTI_SELECT.")
    is_null: bool | None = operator("Whether the requirement has no value, of any type.")

    def conditions(self, model: Any, field: Sequence[str | int]) -> Iterator[Any]:
        """Yield the conditions. Raises INVALID with the path of the input, which is `field`."""
        _require_key(self.key, field)
        column, key = model.properties, self.key
        for name, expression in COMPARED.items():
            if comparison := getattr(self, name):
                place, compared = (*field, name), expression(column, key)
                yield from json_values.compared_equal(column, key, compared, comparison, place)
        if self.choices:
            yield from self._choices(column, self.choices, (*field, "choices"))
        if self.is_null is not UNSET and self.is_null is not None:
            nothing = json_values.has_no_value(column, key)
            yield nothing if self.is_null else ~nothing

    def _choices(
        self, column: Any, comparison: TagsFilterInput, field: Sequence[str | int]
    ) -> Iterator[Any]:
        for name, ids in (("hasAny", comparison.has_any), ("hasAll", comparison.has_all)):
            if not isinstance(ids, list):
                continue
            if len(ids) > MAX_LIST_LENGTH:
                message = f"At most {MAX_LIST_LENGTH} values."
                raise Problem("INVALID", message, field=(*field, name))
            for id in ids:
                if fault := fault_in(id):
                    raise Problem("INVALID", fault, field=(*field, name))
            if name == "hasAny":
                yield json_values.overlaps(column, self.key, ids)
            elif ids:
                yield json_values.contains(column, self.key, ids)
        if isinstance(comparison.is_empty, bool):
            yield json_values.is_empty(column, self.key, empty=comparison.is_empty)


@strawberry.input(description="A property to sort by.")
class PropertyValueOrderInput(SortInput):
    key: str = strawberry.field(description="The key of the property.")
    type: PropertyType = strawberry.field(
        description="The type of the values. Values of a SELECT are sorted by the IDs of choices;"
        " those of a MULTI_SELECT cannot be sorted."
    )

    def keys(self, model: Any, descending: bool, field: Sequence[str | int]) -> Sequence[Key]:
        """Return the sort keys. Raises INVALID with the path of the input, which is `field`."""
        place = (*field, "property")
        _require_key(self.key, place)
        if self.type not in SORTED:
            message = "A list of choices cannot be used for sorting."
            raise Problem("INVALID", message, field=(*place, "type"))
        kind = SORTED[self.type]
        return json_values.sort_keys(model.properties, self.key, kind, descending=descending)
