"""Random documents over the schema, with valid and invalid arguments."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

DEEPEST = 5
SIZES = (0, 1, 1, 2, 2, 3, 20, 100)
BAD_SIZES = (-1, 5000, 2**31 - 1)
TEXTS = ("", "brake", "e", "Requirement", "%_", '"a b" -c', "no such word", "id")
TIMES = ("2020-01-01T00:00:00Z", "2026-11-30T00:00:00+02:00", "2999-01-01T00:00:00Z")
TYPES = ('"Requirement"', '"Block"', '"Nothing"')
VALUES = {
    "BigInt": ("1", "1", "2", "3", "99"),
    "Float": ("0", "1.5", "-3", "1e9"),
    "Boolean": ("true", "false"),
    "DateTime": tuple(f'"{time}"' for time in TIMES),
    "JSON": ("1", '"a"', "{a: 1}", "null"),
}
LEFT_OUT = frozenset({"verified", "purgeableAt"})
"""Fields that depend on the clock, or compute for long."""


@cache
def _unequal(schema: GraphQLSchema) -> frozenset[str]:
    """Return fields whose type differs between types: fragments must not select both."""
    types: dict[str, set[str]] = {}
    for type_ in schema.type_map.values():
        for name, field in getattr(type_, "fields", {}).items():
            types.setdefault(name, set()).add(str(getattr(field, "type", "")))
    return frozenset(name for name, known in types.items() if len(known) > 1)


class Documents:
    """A generator of documents; `ids` are those of existing and missing rows."""

    def __init__(
        self,
        schema: GraphQLSchema,
        random: Random,
        ids: Sequence[str],
        likely: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Set up the types; `likely` are IDs of rows that a field of this name would find."""
        self.schema, self.random, self.ids = schema, random, ids
        self.likely = likely or {}
        self.aliases = 25
        self.unequal = _unequal(schema)
        self.fragments: list[str] = []
        self.left = 40
        """Fields that may still be selected."""

    def make(self) -> tuple[str, dict[str, Any]]:
        """Return a document, and the values of its variables."""
        root = self.schema.query_type
        assert root is not None
        selected = self._selected(root, 0, most=3)
        variables = {
            "yes": self.random.random() < 0.8,
            "id": self.random.choice(self.ids),
            "first": self.random.choice(SIZES),
        }
        head = "query ($yes: Boolean!, $id: UUID!, $first: Int)"
        used = """fragment Used on Query {
            u: requirement(id: $id) { id }
            found: documents(first: $first) { nodes { id @include(if: $yes) } } }"""
        return "\n".join([f"{head} {{ {selected} ...Used }}", used, *self.fragments]), variables

    def _selected(self, type_: Any, depth: int, most: int = 5, *, narrowed: bool = False) -> str:
        fields: Mapping[str, GraphQLField] = type_.fields
        names = [name for name in fields if name not in LEFT_OUT]
        if narrowed:
            names = [name for name in names if name not in self.unequal]
        if depth >= DEEPEST or self.left <= 0:
            names = [name for name in names if is_leaf_type(get_named_type(fields[name].type))]
        found = []
        for name in self.random.sample(names, min(len(names), self.random.randint(1, most))):
            self.left -= 1
            found.append(self._field(name, fields[name], depth))
        if self.random.random() < 0.2 or not found:
            found.append("__typename")
        if isinstance(type_, GraphQLInterfaceType) or self.random.random() < 0.15:
            found += self._narrowed(type_, depth)
        return " ".join(found)

    def _narrowed(self, type_: Any, depth: int) -> list[str]:
        """Return fragments on types of an interface, on interfaces of a type, or on itself."""
        if isinstance(type_, GraphQLInterfaceType):
            among = list(self.schema.get_possible_types(type_))
            types = self.random.sample(among, min(len(among), 3))
        else:
            types = [*type_.interfaces, type_][:2]
        found = []
        for one in types:
            inner = self._selected(one, depth + 1, most=2, narrowed=True)
            if self.random.random() < 0.3:
                name = f"F{len(self.fragments)}"
                self.fragments.append(f"fragment {name} on {one.name} {{ {inner} }}")
                found.append(f"...{name}")
            else:
                found.append(f"... on {one.name}{self._condition()} {{ {inner} }}")
        return found

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        ids = self.ids
        if name in self.likely and self.random.random() < 0.7:
            self.ids = self.likely[name]
        given = [
            f"{key}: {value}"
            for key, argument in field.args.items()
            if (is_required_argument(argument) or self.random.random() < 0.25)
            and (value := self._value(argument.type, key, 0)) is not None
        ]
        self.ids = ids
        arguments = f"({', '.join(given)})" if given else ""
        alias = ""
        if self.aliases and (given or self.random.random() < 0.1):
            self.aliases -= 1
            alias = f"{name}{self.random.randint(1, 9999)}: "
        near = get_named_type(field.type)
        inner = "" if is_leaf_type(near) else f" {{ {self._selected(near, depth + 1)} }}"
        return f"{alias}{name}{arguments}{self._condition()}{inner}"

    def _condition(self) -> str:
        return self.random.choice(
            [""] * 12 + [" @skip(if: $yes)", " @include(if: $yes)", " @include(if: true)"]
        )

    def _value(  # noqa: PLR0911 (one for each kind of type)
        self, type_: Any, key: str, depth: int
    ) -> str | None:
        random = self.random
        if isinstance(type_, GraphQLNonNull):
            return self._value(type_.of_type, key, depth)
        if isinstance(type_, GraphQLList):
            items = [self._value(type_.of_type, key, depth) for _ in range(random.randint(1, 2))]
            return f"[{', '.join(item for item in items if item)}]"
        if isinstance(type_, GraphQLEnumType):
            return random.choice([*type_.values])
        if isinstance(type_, GraphQLInputObjectType):
            return self._input(type_, depth)
        if type_.name == "UUID":
            return f'"{random.choice(self.ids)}"'
        if type_.name == "Int":
            return str(random.choice(BAD_SIZES if random.random() < 0.05 else SIZES))
        if key in ("after", "before"):
            return '"no cursor"' if random.random() < 0.1 else None
        if type_.name == "String" and key != "type":
            return json.dumps(random.choice(TEXTS))
        return random.choice(VALUES.get(type_.name, TYPES))

    def _input(self, type_: GraphQLInputObjectType, depth: int) -> str:
        names = [name for name in type_.fields if depth < 2 or name not in ("and", "or", "not")]
        required = [n for n in names if isinstance(type_.fields[n].type, GraphQLNonNull)]
        chosen = dict.fromkeys([*required, self.random.choice(names)])
        members = ((n, self._value(type_.fields[n].type, n, depth + 1)) for n in chosen)
        return "{" + ", ".join(f"{n}: {v}" for n, v in members if v is not None) + "}"
