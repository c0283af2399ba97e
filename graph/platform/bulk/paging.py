"""Queries whose list is read page by page: the list is found, and asked for as the job needs it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    print_ast,
)

from db.problem import Problem

FIELD = ("query",)
PAGE = 100
"""Items of a page, where the query gives no number of its own."""
AFTER, INFO, TOTAL = "_bulkAfter", "_bulkPage", "_bulkTotal"
"""The names that are added to the query. GraphQL reserves those with two underscores alone."""
NODES, EDGES = "nodes", "edges"


@dataclass(frozen=True)
class Paged:
    """A query whose list is read page by page.

    `path` is the keys from `data` to the list; `items` is the key of the items in it, and `node`
    that of the node in each edge, if the query selects edges. `first` and `rest` are the texts that
    read the first page, with the number of all items, and the others.
    """

    path: tuple[str, ...]
    items: str
    node: str | None
    first: str
    rest: str


@dataclass(frozen=True)
class _Found:
    """A list in a query: the fields that lead to it, and whether `nodes` or `edges` hold it."""

    path: tuple[FieldNode, ...]
    items: FieldNode
    node: FieldNode | None


def paged(schema: GraphQLSchema, text: str) -> Paged | None:
    """Return how the list of a valid query is read; None for a query without one.

    The list is the connection that is closest to the root. Raises INVALID where there are several
    such, or where the query pages it itself.
    """
    document = parse(text)
    fragments = {
        each.name.value: each
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    (operation,) = (
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    )
    root = schema.query_type
    assert root is not None  # noqa: S101 (the schema is a valid one)
    level: list[tuple[tuple[FieldNode, ...], GraphQLObjectType, SelectionSetNode]]
    level = [((), root, operation.selection_set)]
    while level:
        found: list[_Found] = []
        beneath = []
        for path, type_, selections in level:
            for node in _fields(selections, fragments):
                field = type_.fields.get(node.name.value)
                if field is None or is_list_type(get_nullable_type(field.type)):
                    continue
                inner = get_named_type(field.type)
                if not isinstance(inner, GraphQLObjectType) or node.selection_set is None:
                    continue
                if "pageInfo" in inner.fields and "after" in field.args:
                    found += _lists((*path, node), fragments)
                else:
                    beneath.append(((*path, node), inner, node.selection_set))
        if len(found) > 1:
            message = (
                "The query has several lists at the same level. Read each by a job of its own."
            )
            raise Problem("INVALID", message, field=FIELD)
        if found:
            return _paged(operation, found[0], fragments)
        level = beneath
    return None


def _fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    """Yield the fields of a selection, also those in fragments."""
    for each in selections.selections:
        match each:
            case FieldNode():
                yield each
            case InlineFragmentNode():
                yield from _fields(each.selection_set, fragments)
            case FragmentSpreadNode():
                yield from _fields(fragments[each.name.value].selection_set, fragments)


def _lists(
    path: tuple[FieldNode, ...],
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Iterator[_Found]:
    """Yield the list of a connection, unless the query selects none of its items."""
    connection = path[-1]
    assert connection.selection_set is not None  # noqa: S101 (it was looked at)
    inside = {each.name.value: each for each in _fields(connection.selection_set, fragments)}
    items = inside.get(NODES) or inside.get(EDGES)
    if items is None:
        return
    taken = {"after", "before", "last"} & {each.name.value for each in connection.arguments or ()}
    if taken:
        message = f"The job pages the list `{_key(connection)}`: leave out `{min(taken)}`."
        raise Problem("INVALID", message, field=FIELD)
    node = None
    if items.name.value == EDGES:
        assert items.selection_set is not None  # noqa: S101 (edges are objects)
        node = next(
            (e for e in _fields(items.selection_set, fragments) if e.name.value == "node"), None
        )
        if node is None:
            return
    yield _Found(path, items, node)


def _paged(
    operation: OperationDefinitionNode,
    found: _Found,
    fragments: Mapping[str, FragmentDefinitionNode],
) -> Paged:
    first, rest = (
        print_ast(_asking(operation, found.path, fragments, with_total=total))
        for total in (True, False)
    )
    node = _key(found.node) if found.node else None
    return Paged(tuple(map(_key, found.path)), _key(found.items), node, first, rest)


def _asking(
    operation: OperationDefinitionNode,
    path: tuple[FieldNode, ...],
    fragments: Mapping[str, FragmentDefinitionNode],
    *,
    with_total: bool,
) -> DocumentNode:
    """Return the document with the arguments and fields that a page needs at the end of the path.

    Fragments along the path are replaced by their selections.
    """
    variable = VariableNode(name=NameNode(value=AFTER))
    selections = _replaced(
        operation.selection_set, path, variable, fragments, with_total=with_total
    )
    definition = VariableDefinitionNode(
        variable=variable, type=NamedTypeNode(name=NameNode(value="String")), directives=()
    )
    changed = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=(*(operation.variable_definitions or ()), definition),
        directives=operation.directives,
        selection_set=selections,
    )
    used = _spread(selections, fragments)
    return DocumentNode(
        definitions=(changed, *(fragment for name, fragment in fragments.items() if name in used))
    )


def _replaced(
    selections: SelectionSetNode,
    path: Sequence[FieldNode],
    variable: VariableNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    *,
    with_total: bool,
) -> SelectionSetNode:
    changed: list[Any] = []
    for each in selections.selections:
        match each:
            case FieldNode() if each is path[0]:
                changed.append(
                    _page(each, variable, with_total=with_total)
                    if len(path) == 1
                    else _with(
                        each,
                        _replaced(
                            _selected(each), path[1:], variable, fragments, with_total=with_total
                        ),
                    )
                )
            case InlineFragmentNode() | FragmentSpreadNode():
                spread = isinstance(each, FragmentSpreadNode)
                inner = fragments[each.name.value] if isinstance(each, FragmentSpreadNode) else each
                if not any(one is path[0] for one in _fields(inner.selection_set, fragments)):
                    changed.append(each)
                    continue
                changed.append(
                    InlineFragmentNode(
                        type_condition=inner.type_condition,
                        directives=each.directives if spread else inner.directives,
                        selection_set=_replaced(
                            inner.selection_set, path, variable, fragments, with_total=with_total
                        ),
                    )
                )
            case _:
                changed.append(each)
    return SelectionSetNode(selections=tuple(changed))


def _page(node: FieldNode, variable: VariableNode, *, with_total: bool) -> FieldNode:
    """Return a connection with the arguments and fields of a page."""
    given = {each.name.value for each in node.arguments or ()}
    arguments = [*(node.arguments or ()), _argument("after", variable)]
    if "first" not in given:
        arguments.append(_argument("first", IntValueNode(value=str(PAGE))))
    info = FieldNode(
        alias=NameNode(value=INFO),
        name=NameNode(value="pageInfo"),
        arguments=(),
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(map(_plain, ("hasNextPage", "endCursor")))),
    )
    more = [info]
    if with_total:
        more.append(
            FieldNode(
                alias=NameNode(value=TOTAL),
                name=NameNode(value="totalCount"),
                arguments=(),
                directives=(),
            )
        )
    selections = SelectionSetNode(selections=(*_selected(node).selections, *more))
    return FieldNode(
        alias=node.alias,
        name=node.name,
        arguments=tuple(arguments),
        directives=node.directives,
        selection_set=selections,
    )


def _with(node: FieldNode, selections: SelectionSetNode) -> FieldNode:
    return FieldNode(
        alias=node.alias,
        name=node.name,
        arguments=node.arguments,
        directives=node.directives,
        selection_set=selections,
    )


def _selected(node: FieldNode) -> SelectionSetNode:
    assert node.selection_set is not None  # noqa: S101 (the path leads through objects)
    return node.selection_set


def _argument(name: str, value: Any) -> ArgumentNode:
    return ArgumentNode(name=NameNode(value=name), value=value)


def _plain(name: str) -> FieldNode:
    return FieldNode(name=NameNode(value=name), arguments=(), directives=())


def _spread(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> set[str]:
    """Return the names of the fragments that a selection spreads, directly or not."""
    names: set[str] = set()
    pending = [selections]
    while pending:
        for each in pending.pop().selections:
            if isinstance(each, FragmentSpreadNode):
                if each.name.value not in names:
                    names.add(each.name.value)
                    pending.append(fragments[each.name.value].selection_set)
            elif isinstance(each, FieldNode | InlineFragmentNode) and each.selection_set:
                pending.append(each.selection_set)
    return names


def _key(node: FieldNode) -> str:
    """Return the key of a field in the answer."""
    return node.alias.value if node.alias else node.name.value
