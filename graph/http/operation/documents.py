"""Documents, each parsed, measured and validated once and then remembered by its text."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    validate,
)

from db.problem import Problem
from graph.engine import Plans
from graph.http.operation.argument_size import ArgumentSize
from graph.http.operation.conditions import Conditions
from graph.http.operation.cost import Cost
from graph.http.operation.errors import MAX_ERRORS, Error, described, of_document
from graph.http.operation.inputs import Inputs, check_literals
from graph.http.operation.limits import Limits, Measure, Wrappers, fragments_of, too_complex
from graph.http.operation.validation import EveryRule

BYTES_PER_TOKEN = 900
"""Bytes of one token of a document as a node of its tree, and in a plan, as measured."""
TOO_MANY = re.compile(r"Syntax Error: Document contains more than (\d+) (\w+)\. Parsing aborted\.")


INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True)
class Mentioned:
    """Names in an operation: of fields, and of variables beyond its root fields' arguments."""

    fields: frozenset[str]
    variables: frozenset[str]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a valid document, with the measures taken before it is run."""

    node: OperationDefinitionNode
    mentioned: "Mentioned"
    inputs: Inputs
    arguments: ArgumentSize
    conditions: Conditions
    cost: Cost
    plans: Plans
    """The engine's plans for it."""

    @cached_property
    def introspects(self) -> bool:
        """Return whether it selects `__schema` or `__type`; `__typename` does not count."""
        return not INTROSPECTION.isdisjoint(self.mentioned.fields)

    @cached_property
    def is_fixed(self) -> bool:
        """Return whether all that is measured of it is the same whatever its variables are."""
        return not (
            self.arguments.depends
            or self.conditions.depends
            or self.inputs.depends
            or self.cost.sized_by
        )

    @cached_property
    def declared(self) -> frozenset[str]:
        """Return the names of the variables that it declares."""
        definitions = self.node.variable_definitions or ()
        return frozenset(definition.variable.name.value for definition in definitions)

    @cached_property
    def kind(self) -> str:
        """Return "query", "mutation" or "subscription"."""
        return self.node.operation.value


@dataclass(frozen=True, eq=False)
class Document:
    """A document: valid, with its operations by name, or with the errors that make it invalid."""

    hash: str
    """The first half of the SHA-256 of its text, its ID in the log."""
    weight: int
    """Bytes of memory that it takes, roughly."""
    node: DocumentNode | None = None
    operations: Mapping[str | None, Operation] = field(default_factory=dict)
    errors: tuple[Error, ...] = ()

    def operation(self, name: str | None) -> Operation:
        """Return the operation of this name, or the only one. Raises INVALID."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            message = "The document has several operations: `operationName` must name one of them."
            raise Problem("INVALID", message, field=["operationName"])
        if operation := self.operations.get(name):
            return operation
        message = "The document has no operation of this name."
        raise Problem("INVALID", message, field=["operationName"])


class Documents:
    """Reads documents for one schema; remembers the most recent up to `budget` bytes."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, budget: int) -> None:
        self.schema, self.limits = schema, limits
        self.wrappers = Wrappers(schema)
        self._budget, self._used = budget, 0
        self._known: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str) -> Document:
        """Return the document with this text."""
        if document := self._known.get(text):
            self._known.move_to_end(text)
            return document
        document = self._read(text)
        self._known[text] = document
        self._used += document.weight
        while self._used > self._budget:
            _, forgotten = self._known.popitem(last=False)
            self._used -= forgotten.weight
        return document

    def _read(self, text: str) -> Document:
        hash_ = hashlib.sha256(text.encode()).hexdigest()[:32]
        try:
            node = self._parse(text)
            Measure(self.schema, self.wrappers, node).check(self.limits)
            check_literals(node, self.limits.list_items)
        except Problem as problem:
            return self._refused(hash_, text, described(problem))
        except GraphQLError as error:
            return self._refused(hash_, text, of_document(error))
        found = validate(self.schema, node, [EveryRule], max_errors=MAX_ERRORS)
        if found:
            return self._refused(hash_, text, *map(of_document, found[:MAX_ERRORS]))
        operations = {
            definition.name.value if definition.name else None: self._operation(node, definition)
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        if not operations:
            missing = GraphQLError("The document has no operation.")
            return self._refused(hash_, text, of_document(missing))
        weight = 2 * len(text) + BYTES_PER_TOKEN * node.token_count
        return Document(hash_, weight, node, operations)

    def _parse(self, text: str) -> DocumentNode:
        limits = self.limits
        if len(text) > limits.length:
            raise too_complex("length", len(text), limits.length)
        try:
            return parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
        except GraphQLError as error:
            if exceeded := TOO_MANY.fullmatch(error.message):
                maximum = int(exceeded[1])
                raise too_complex(exceeded[2], maximum + 1, maximum) from None
            raise

    def _operation(self, document: DocumentNode, node: OperationDefinitionNode) -> Operation:
        return Operation(
            node,
            _mentioned(document, node),
            Inputs(self.schema, node),
            ArgumentSize(document, node),
            Conditions(self.schema, document, node),
            Cost(self.schema, self.wrappers, self.limits, document, node),
            Plans(node, fragments_of(document)),
        )

    def _refused(self, hash_: str, text: str, *errors: Error) -> Document:
        return Document(hash_, 2 * len(text) + 1000 * len(errors), errors=errors)


def _mentioned(document: DocumentNode, operation: OperationDefinitionNode) -> Mentioned:
    """Return the fields and variables of the operation, including the fragments that it spreads."""
    fragments = fragments_of(document)
    names, variables, spread = set[str](), set[str](), set[str]()
    stack: list[tuple[SelectionSetNode, bool]] = [(operation.selection_set, True)]
    while stack:
        selections, at_root = stack.pop()
        for selection in selections.selections:
            variables |= _variables(selection.directives)
            match selection:
                case FieldNode():
                    names.add(selection.name.value)
                    variables |= set() if at_root else _variables(selection.arguments)
                    if selection.selection_set:
                        stack.append((selection.selection_set, False))
                case InlineFragmentNode():
                    stack.append((selection.selection_set, at_root))
                case FragmentSpreadNode() if selection.name.value not in spread:
                    spread.add(selection.name.value)
                    stack.append((fragments[selection.name.value].selection_set, at_root))
    return Mentioned(frozenset(names), frozenset(variables))


def _variables(nodes: Iterable[ArgumentNode | DirectiveNode] | None) -> set[str]:
    """Return the names of the variables in arguments and directives."""
    found: set[str] = set()
    stack: list[Node] = [*(nodes or ())]
    while stack:
        match stack.pop():
            case VariableNode() as variable:
                found.add(variable.name.value)
            case ArgumentNode(value=value) | ObjectFieldNode(value=value):
                stack.append(value)
            case DirectiveNode(arguments=members):
                stack.extend(members or ())
            case ListValueNode(values=members):
                stack.extend(members)
            case ObjectValueNode(fields=members):
                stack.extend(members)
    return found
