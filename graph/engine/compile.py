"""Compile an operation into a plan, from what the fields of the schema declare."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import strawberry
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    print_ast,
)
from graphql.execution.values import VariableValues
from sqlalchemy import Boolean, DateTime, Enum, Float, Integer, Numeric, String, Uuid
from sqlalchemy.orm import class_mapper
from strawberry.types.field import StrawberryField

from auth.session import Join
from db.base import Readable
from db.constraints import is_bounded
from graph.engine.arguments import Called
from graph.engine.build import builder
from graph.engine.collect import Collector, Fragments
from graph.engine.complete import Abstract, Completer, Leaf, Listed, Object, Required
from graph.engine.fields import Attribute, Constant, Joined, Labels, One, Resolved, raw_info
from graph.engine.pages import CURSORS, Many, Part
from graph.engine.plan import Field, ObjectPlan, OperationPlan
from graph.engine.roots import RootById, RootPage, RootResolved
from graph.engine.table import Outputs, Table
from graph.engine.times import time_code
from graph.engine.unplanned import Unplanned
from graph.kit.edges import ById, ToMany, ToOne, columns_of, edge_of

INTROSPECTION = frozenset({"__schema", "__type"})
IDENTIFIERS = frozenset({"ID", "UUID"})
"""Scalars that are in the answer the text of a column of identifiers."""
AS_READ = frozenset({"String", "Boolean", "Int", "Float", "BigInt", "JSON"})
"""Scalars that are in the answer what PostgreSQL's driver makes of their columns."""
Selections = Sequence[FieldNode]
MEMBER = 24
"""Bytes of a member of an object, roughly, beside its key and a text: a number and marks."""
CURSOR = 300
"""Bytes of a cursor, at most, beside the sort keys."""
ENCODED = 8
"""The maximum bytes in a cursor for a byte of a sort key, escaped in JSON and in base 64."""


class Compiler:
    """Compiles one operation, for one combination of its conditions."""

    def __init__(
        self,
        schema: strawberry.Schema,
        operation: OperationDefinitionNode,
        fragments: Fragments,
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._core: GraphQLSchema = schema._schema  # noqa: SLF001 (Strawberry has no other door)
        self._operation = operation
        self._collector = Collector(self._core, fragments, variables)

    def compile(self) -> OperationPlan:
        """Return the plan. Raises Unplanned for what the engine does not take."""
        type_ = cast(GraphQLObjectType, self._core.get_root_type(self._operation.operation))
        collected = self._collector.fields(type_, [self._operation.selection_set])
        level = Level(self)
        roots = [level.root(type_, key, nodes) for key, nodes in collected.items()]
        level.finish()
        serial = self._operation.operation is OperationType.MUTATION
        return OperationPlan(type_, roots, serial, level.uses(), level.width)

    def selected(self, type_: GraphQLObjectType, nodes: Selections) -> dict[str, list[FieldNode]]:
        """Return what is selected of this type beneath these nodes."""
        sets = (node.selection_set for node in nodes)
        return self._collector.fields(type_, cast(Iterable[SelectionSetNode], sets))

    def made(self, name: str, field: Field) -> Field:  # noqa: ARG002 (for those that trace it)
        """Return the field of a plan. `name` is its coordinate, such as `Project.documents`."""
        return field

    def called(self, type_: GraphQLObjectType, nodes: list[FieldNode]) -> Called:
        """Return a field with its arguments."""
        converter = self._schema.schema_converter
        definition = type_.fields[nodes[0].name.value]
        return Called(type_, definition, nodes, converter.scalar_registry, self._schema.config)


class Level:
    """Plans that are compiled together: those that read rows of a model by id share a table."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._by_id: dict[Readable, Table] = {}
        self._pages: dict[tuple[int, str], Table] = {}
        self._built: list[tuple[ObjectPlan, Table]] = []
        self._repeats = False
        """True if the answer may hold a row more than once, or what no plan has read."""
        self.width = 0
        """Bytes of an answer for each row, at most, beside the texts that were read."""

    def finish(self) -> None:
        """Generate the code of all plans, now that the columns of each statement are known."""
        for plan, table in self._built:
            if not table.outputs.listed:
                table.outputs.need("id", "text")
            plan.rest = [field for field in plan.fields if field.source is None]
            members = [(field.key, field.source) for field in plan.fields]
            names = {name: one for field in plan.fields for name, one in field.names.items()}
            width = len(table.outputs.listed)
            plan.build = builder(members, width, names, more=table.has_cursors)

    def uses(self) -> int | None:
        """Return how often an answer holds a byte that was read, at most; None if not known."""
        tables = {id(table): table for _, table in self._built}.values()
        if self._repeats:
            return None
        least = ENCODED if any(table.has_cursors for table in tables) else 1
        return max([least, *(use for table in tables for use in table.outputs.uses)])

    def _takes(self, key: str, type_: GraphQLObjectType) -> None:
        """Count a member of each object: its key, its value but for texts that are read."""
        self.width += len(key) + (len(type_.name) if key == "__typename" else 0) + MEMBER

    def root(self, type_: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Any:
        """Return the plan of a field at the root."""
        name = nodes[0].name.value
        if name in INTROSPECTION:
            raise Unplanned("introspection")
        if name == "__typename":
            return Constant(key, type_.name)
        called = self._compiler.called(type_, nodes)
        match edge_of(called.declared):
            case ById() as edge:
                table = self._table(edge.model)
                plan = self._object(_object_type(called), nodes, table)
                resolved = RootResolved(key, called, Object(plan))
                return RootById(key, called, edge, table, plan, resolved)
            case ToMany() as edge:
                many = self._many(key, called, edge, nodes, None)
                return RootPage(key, called, many)
            case _:
                self._repeats = True
                return RootResolved(key, called, self._completer(called, called.definition.type))

    def _table(self, model: Readable) -> Table:
        table = self._by_id.setdefault(model, Table(model, "id"))
        table.readers += 1
        table.outputs.need("id", "text")
        return table

    def objects(self, type_: GraphQLObjectType, nodes: Selections) -> ObjectPlan:
        """Return the plan of objects that no planned statement reads."""
        self._repeats = True
        return self._object(type_, nodes, None)

    def _object(
        self, type_: GraphQLObjectType, nodes: Selections, table: Table | None
    ) -> ObjectPlan:
        plan = ObjectPlan(type_)
        for key, own in self._compiler.selected(type_, nodes).items():
            self._takes(key, type_)
            field = self._field(type_, key, own, table)
            name = f"{type_.name}.{own[0].name.value}"
            plan.fields.append(self._compiler.made(name, field))
        if table is not None:
            self._built.append((plan, table))
        return plan

    def _field(
        self,
        type_: GraphQLObjectType,
        key: str,
        nodes: list[FieldNode],
        above: Table | None,
    ) -> Field:
        if nodes[0].name.value == "__typename":
            return Constant(key, type_.name)
        called = self._compiler.called(type_, nodes)
        declared = called.declared
        match edge_of(declared):
            case ToOne() as edge:
                return self._one(key, called, edge, nodes, above)
            case ToMany() as edge:
                return self._many(key, called, edge, nodes, above)
        if above is not None and declared.base_resolver is None:
            return self._column(key, called, above.model, above.outputs)
        if above is not None:
            for name in _declared_columns(declared, above.model):
                above.outputs.need(name, "native")
        self._repeats = True
        completer = self._completer(called, called.definition.type)
        if declared.base_resolver is None:
            return Attribute(key, declared.python_name, completer)
        return Resolved(key, called, completer)

    def _one(
        self,
        key: str,
        called: Called,
        edge: ToOne,
        nodes: list[FieldNode],
        above: Table | None,
    ) -> Field:
        """Return an edge to a row, which is read with those above where short columns suffice."""
        type_ = _object_type(called)
        is_joined = above is not None and self._joined(type_, edge.model, nodes, Outputs(), None)
        table = Table(edge.model, "id", readers=1) if is_joined else self._table(edge.model)
        plan = self._object(type_, nodes, table)
        if above is None or not is_joined:
            self._repeats = True
            place = above.outputs.need(edge.key, "text") if above else None
            return One(key, edge, plan, table, place)
        join = above.outputs.join(Join(edge.key, edge.model))
        joined = self._joined(type_, edge.model, nodes, above.outputs, join)
        present = above.outputs.need("id", "text", join)
        return Joined(key, edge, plan, table, joined or (), present)

    def _joined(
        self,
        type_: GraphQLObjectType,
        model: Readable,
        nodes: Selections,
        outputs: Outputs,
        join: int | None,
    ) -> list[Field] | None:
        """Return the fields of a row that is joined; None if they are not all short columns."""
        found: list[Field] = []
        for key, own in self._compiler.selected(type_, nodes).items():
            self._takes(key, type_)
            if own[0].name.value == "__typename":
                found.append(Constant(key, type_.name))
                continue
            called = self._compiler.called(type_, own)
            if called.declared.base_resolver is not None or not _is_short(called, model):
                return None
            found.append(self._column(key, called, model, outputs, join))
        return None if any(field.source is None for field in found) else found

    def _column(
        self, key: str, called: Called, model: Readable, outputs: Outputs, join: int | None = None
    ) -> Field:
        """Return a column, as code where its value needs no look."""
        name, type_ = called.declared.python_name, called.definition.type
        completer = self._completer(called, type_)
        column = class_mapper(model).column_attrs[name].columns[0]
        named = get_named_type(type_)
        is_safe = not (is_non_null_type(type_) and column.nullable)
        code, labels = None, None
        if is_safe and not is_list_type(get_nullable_type(type_)):
            if named.name in IDENTIFIERS and isinstance(column.type, Uuid):
                code = f"c{outputs.use(name, 'text', join)}"
            elif named.name == "DateTime" and isinstance(column.type, DateTime):
                code = time_code(outputs.use(name, "time", join))
            elif named.name in AS_READ:
                code = f"c{outputs.use(name, 'native', join)}"
            elif isinstance(named, GraphQLEnumType) and isinstance(column.type, Enum):
                labels = Labels(named, column.type)
                code = f"{labels.name}[c{outputs.use(name, 'native', join)}]"
        elif is_safe and named.name == "String":
            code = f"c{outputs.use(name, 'native', join)}"
        if code is None:
            outputs.use(name, "native", join)
        return Attribute(key, name, completer, code, labels)

    def _completer(self, called: Called, type_: GraphQLOutputType) -> Completer:
        if isinstance(type_, GraphQLNonNull):
            return Required(self._completer(called, type_.of_type))
        if is_list_type(type_):
            return Listed(self._completer(called, type_.of_type))
        if is_leaf_type(type_):
            return Leaf(type_.serialize)
        if is_object_type(type_):
            return Object(self.objects(type_, called.nodes))
        if is_abstract_type(type_):
            return Abstract(type_, self._arm(called.nodes), lambda run: raw_info(run, called))
        raise TypeError(type_)

    def _arm(self, nodes: Selections) -> Callable[[GraphQLObjectType], ObjectPlan]:
        """Return what compiles the plan of one type of an interface, when it first occurs."""

        def compile(type_: GraphQLObjectType) -> ObjectPlan:
            level = Level(self._compiler)
            plan = level.objects(type_, nodes)
            level.finish()
            return plan

        return compile

    def _many(
        self,
        key: str,
        called: Called,
        edge: ToMany,
        nodes: list[FieldNode],
        above: Table | None,
    ) -> Many:
        shape = id(edge), " ".join(sorted(map(print_ast, nodes[0].arguments or ())))
        table = self._pages.setdefault(shape, Table(edge.model, edge.key, edge=edge))
        table.readers += 1
        place = None
        self._repeats |= edge.within is not None
        if above is not None and edge.within:
            for name in edge.within.columns:
                above.outputs.need(name, "native")
        elif above is not None:
            place = above.outputs.need("id", "text")
        type_ = _object_type(called)
        parts = self._parts(type_, nodes, table)
        return Many(key, edge, called, table, parts, place)

    def _parts(self, type_: GraphQLObjectType, nodes: Selections, table: Table) -> list[Part]:
        """Return the fields of a connection, its edges or its page information."""
        found = []
        for key, own in self._compiler.selected(type_, nodes).items():
            name = own[0].name.value
            if name == "__typename":
                found.append(Part(key, "constant", constant=type_.name))
                continue
            inner = get_named_type(type_.fields[name].type)
            self._takes(key, type_)
            part = Part(key, name)
            if name in CURSORS:
                table.has_cursors = True
                self.width += CURSOR
            if name in ("nodes", "node"):
                part.plan = self._object(cast(GraphQLObjectType, inner), own, table)
            elif name in ("edges", "pageInfo"):
                part.parts = self._parts(cast(GraphQLObjectType, inner), own, table)
            found.append(part)
        return found


def _object_type(called: Called) -> GraphQLObjectType:
    return cast(GraphQLObjectType, get_named_type(called.definition.type))


def _is_short(called: Called, model: Readable) -> bool:
    """Return whether a field is a column whose values are short; many rows may repeat them."""
    column = class_mapper(model).column_attrs[called.declared.python_name].columns[0]
    if isinstance(column.type, Boolean | DateTime | Enum | Float | Integer | Numeric | Uuid):
        return True
    return isinstance(column.type, String) and is_bounded(column)


def _declared_columns(declared: StrawberryField, model: Readable) -> tuple[str, ...]:
    found = columns_of(declared, model)
    if found is None:
        raise TypeError(f"{declared.python_name} does not say which columns it reads.")
    return found
