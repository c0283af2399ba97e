"""Limits of a document's size and shape, measured in one linear pass before it is validated.

Validation itself is quadratic in places, so nothing large may reach it. Each fragment is measured
once however often it is spread, and sums stop growing at `MAX_COUNT`: spreading two fragments in
each of thirty others would otherwise count to a billion one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
)

from db.problem import Problem
from graph.settings import Settings

MAX_COUNT = 10**9
"""Counts stop here."""
MAX_NESTING_DEPTH = 200
"""Levels of braces and spreads that are followed, also those that are no level of the answer."""
MIN_ARGUMENTS = 100_000
"""Characters of arguments that are accepted however small a body may be."""
MAX_INTROSPECTION_DEPTH = 20
"""Levels beneath `__schema`: tools select 13 to 15 of them, most to unwrap lists of lists."""


@dataclass(frozen=True)
class Limits:
    """The largest document that is accepted; all but `page`, the default page, are settings."""

    length: int = 100_000
    tokens: int = 2000
    depth: int = 12
    fields: int = 1500
    aliases: int = 30
    directives: int = 50
    root_fields: int = 20
    mutations: int = 5
    list_items: int = 500
    arguments: int = 1_000_000
    conditions: int = 250
    cost: int = 200_000
    answer: int = 16_000_000
    page: int = 20

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits that an operator has set."""
        return cls(
            length=settings.max_document_length,
            tokens=settings.max_tokens,
            depth=settings.max_depth,
            fields=settings.max_fields,
            aliases=settings.max_aliases,
            directives=settings.max_directives,
            root_fields=settings.max_root_fields,
            mutations=settings.max_mutations,
            list_items=settings.max_list_items,
            arguments=max(settings.body_limit, MIN_ARGUMENTS),
            conditions=settings.max_conditions,
            cost=settings.max_cost,
            answer=settings.max_answer_bytes,
        )


def too_complex(
    limit: str, measured: int, maximum: int, field: Sequence[str | int] = ()
) -> Problem:
    """Return the refusal with the limit's name, the value measured, and the largest accepted.

    `field` is the path of the argument that exceeds it, where one does.
    """
    value = measured if measured < MAX_COUNT else f"over {MAX_COUNT}"
    return Problem(
        "QUERY_TOO_COMPLEX",
        f"The operation is too complex: {limit} {value}, at most {maximum}.",
        field=field,
        limit=limit,
        measured=measured,
        maximum=maximum,
    )


class Shape(NamedTuple):
    """The measures of a selection set, including the fragments that it spreads."""

    depth: int = 0
    introspection: int = 0
    width: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "Shape") -> "Shape":
        """Return the measures of both in one selection set."""
        return Shape(
            max(self.depth, other.depth),
            max(self.introspection, other.introspection),
            *(
                min(ours + theirs, MAX_COUNT)
                for ours, theirs in zip(self[2:], other[2:], strict=True)
            ),
        )


class Wrappers:
    """The types that a connection wraps around its rows, by the names of their fields.

    They are levels of the notation and not of the data: `documents { edges { node { name } } }`
    reaches one level down, as `document { name }` does, and `nodes { name }` must not be cheaper.
    So depth does not count `edges`, `nodes` and `pageInfo` of a connection, nor the `node` of an
    edge. Which type is one is read from the schema: a field that is only called so does count.
    """

    def __init__(self, schema: GraphQLSchema) -> None:
        self.connections: set[str] = set()
        self.edges: set[str] = set()
        for name, type_ in schema.type_map.items():
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
                fields = type_.fields
                if "pageInfo" in fields and fields.keys() & {"edges", "nodes"}:
                    self.connections.add(name)
                    if "edges" in fields:
                        self.edges.add(get_named_type(fields["edges"].type).name)

    def skips(self, parent: GraphQLNamedType | None, field: str) -> bool:
        """Return whether this field of this type is only a wrapper."""
        if parent is None:
            return False
        if parent.name in self.connections:
            return field in ("edges", "nodes", "pageInfo")
        return field == "node" and parent.name in self.edges


class Measure:
    """Measures the definitions of one document; `visited` counts the selections looked at."""

    def __init__(self, schema: GraphQLSchema, wrappers: Wrappers, document: DocumentNode) -> None:
        self.schema, self.wrappers, self.document = schema, wrappers, document
        self.visited = 0
        self._fragments = fragments_of(document)
        self._measured: dict[str, Shape] = {}

    def check(self, limits: Limits) -> None:
        """Refuse a document of which any definition exceeds a limit: QUERY_TOO_COMPLEX."""
        for definition in self.document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                root = self.schema.get_root_type(definition.operation)
                shape = self._of(definition.selection_set, root, 1)
                own = len(definition.directives or ())
                _require(shape._replace(directives=shape.directives + own), limits)
                _require_width(definition.operation, shape.width, limits)
            elif isinstance(definition, FragmentDefinitionNode):
                # Also one that nothing spreads: validation looks into it all the same. How deep
                # it is matters only where it is spread.
                shape = self._of_fragment(definition.name.value, 1)
                _require(shape._replace(depth=0, introspection=0), limits)

    def _of(
        self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None, nesting: int
    ) -> Shape:
        if nesting > MAX_NESTING_DEPTH:
            raise too_complex("nesting", nesting, MAX_NESTING_DEPTH)
        total = Shape()
        keys: set[str] = set()
        for selection in selection_set.selections:
            self.visited += 1
            match selection:
                case FieldNode():
                    shape = self._of_field(selection, parent, nesting)
                    key = (selection.alias or selection.name).value
                    if key in keys:  # one field many times costs what as many aliases do
                        shape = shape._replace(aliases=shape.aliases + 1)
                    keys.add(key)
                case InlineFragmentNode():
                    on = selection.type_condition
                    type_ = self.schema.get_type(on.name.value) if on else parent
                    shape = self._of(selection.selection_set, type_, nesting + 1)
                case FragmentSpreadNode():
                    shape = self._of_fragment(selection.name.value, nesting + 1)
                case _:
                    continue
            own = len(selection.directives or ())
            total = total.beside(shape._replace(directives=shape.directives + own))
        return total

    def _of_field(self, field: FieldNode, parent: GraphQLNamedType | None, nesting: int) -> Shape:
        name, alias = field.name.value, int(field.alias is not None)
        if field.selection_set is None:
            return Shape(depth=1, width=1, fields=1, aliases=alias)
        inner = self._of(field.selection_set, _type_of(parent, name, self.schema), nesting + 1)
        level = 0 if self.wrappers.skips(parent, name) else 1
        if name in ("__schema", "__type"):  # its depth is measured apart, and ends here
            depth, introspection = 1, inner.depth
        else:
            depth, introspection = inner.depth + level, inner.introspection
        return Shape(
            depth=depth,
            introspection=introspection,
            width=1,
            fields=min(inner.fields + 1, MAX_COUNT),
            aliases=min(inner.aliases + alias, MAX_COUNT),
            directives=inner.directives,
        )

    def _of_fragment(self, name: str, nesting: int) -> Shape:
        if name not in self._measured:
            fragment = self._fragments.get(name)
            if fragment is None:
                return Shape()  # validation tells that it does not exist
            self._measured[name] = Shape()  # one that spreads itself ends here, and in validation
            on = self.schema.get_type(fragment.type_condition.name.value)
            self._measured[name] = self._of(fragment.selection_set, on, nesting)
        return self._measured[name]


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """Return the fragments that a document defines, by name."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def _type_of(
    parent: GraphQLNamedType | None, field: str, schema: GraphQLSchema
) -> GraphQLNamedType | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        found = schema.get_field(parent, field)
        return get_named_type(found.type) if found else None
    return None


def _require(shape: Shape, limits: Limits) -> None:
    checks: Mapping[str, tuple[int, int]] = {
        "depth": (shape.depth, limits.depth),
        "introspection depth": (shape.introspection, MAX_INTROSPECTION_DEPTH),
        "aliases": (shape.aliases, limits.aliases),
        "fields": (shape.fields, limits.fields),
        "directives": (shape.directives, limits.directives),
    }
    for limit, (measured, maximum) in checks.items():
        if measured > maximum:
            raise too_complex(limit, measured, maximum)


def _require_width(operation: OperationType, width: int, limits: Limits) -> None:
    maximum = {
        OperationType.QUERY: limits.root_fields,
        OperationType.MUTATION: limits.mutations,
        OperationType.SUBSCRIPTION: 1,
    }[operation]
    if width > maximum:
        raise too_complex("root fields", width, maximum)
