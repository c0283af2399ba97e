"""The reach of a selection from the rows of an event: the grants that can decide its result."""

from enum import Enum
from itertools import product
from weakref import WeakKeyDictionary

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_composite_type,
    visit,
)

from graph.http.operation.documents import Document


class Reach(Enum):
    """The grants that can decide what a selection shows of an event."""

    SCOPES = "scopes"
    """Grants at the organization, project and document of the event."""
    PEOPLE = "people"
    """The same, and membership of the organization, whose members see each other."""
    ANYWHERE = "anywhere"
    """Any grant of the viewer."""


PEOPLE = frozenset(
    {
        ("ChangeEvent", "actor"),
        ("HistoryEntry", "actor"),
        ("Assignment", "assignee"),
        ("PresenceEvent", "participants"),
        ("Participant", "person"),
        ("TestExecution", "executedBy"),
        *product(
            ("Authored", "Requirement", "Block", "Document", "Project", "Assignment", "Baseline"),
            ("createdBy", "updatedBy"),
        ),
        *product(("TestCase", "TestExecution", "TestMatrixView"), ("createdBy", "updatedBy")),
    }
)
"""Edges to people. Members of an organization see each other."""
WITHIN = PEOPLE | frozenset(
    {
        ("Subscription", "documentChanged"),
        ("Subscription", "projectChanged"),
        ("Subscription", "organizationChanged"),
        ("Subscription", "requirementChanged"),
        ("Subscription", "presence"),
        ("ChangeEvent", "entity"),
        ("Participant", "focus"),
        ("Participant", "leases"),
        ("Requirement", "block"),
        ("Requirement", "document"),
        ("Requirement", "project"),
        ("Requirement", "assignments"),
        ("Block", "parent"),
        ("Block", "children"),
        ("Block", "document"),
        ("Block", "requirements"),
        ("Document", "project"),
        ("Document", "blocks"),
        ("Document", "requirements"),
        ("Project", "organization"),
        ("Assignment", "project"),
        ("TestCase", "executions"),
        ("TestCase", "testSteps"),
        ("TestCase", "attachments"),
        ("TestExecution", "testCase"),
        ("TestExecution", "defects"),
        ("TestExecution", "evidenceArtifacts"),
        ("TestMatrixView", "configuration"),
        *product(("TestCase", "TestExecution", "TestMatrixView"), ("project", "history")),
        *product(
            ("Node", "Authored", "Requirement", "Block", "Document", "Project", "Assignment"),
            ("history",),
        ),
        *product(
            (
                "RequirementConnection",
                "BlockConnection",
                "AssignmentConnection",
                "TestExecutionConnection",
            ),
            ("edges", "nodes", "pageInfo"),
        ),
        *product(("HistoryEntryConnection",), ("edges", "nodes", "pageInfo")),
        *product(("RequirementEdge", "BlockEdge", "AssignmentEdge", "HistoryEntryEdge"), ("node",)),
        ("TestExecutionEdge", "node"),
    }
)
"""Edges between rows of the same organization, project and document, or from a row to its parents:
roles there alone decide what they show."""
ELSEWHERE = frozenset({("TestExecution", "stale")})
"""Fields that tell something of rows at other places, to those who can read these."""
FILTERS = frozenset({"CoverageFilterInput"})
"""Inputs that filter by rows at other places."""
HOLDERS = FILTERS | {"RequirementFilterInput"}
"""The types of variables that can hold such an input."""


class Reaches:
    """The reach of documents of one schema, each found once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: WeakKeyDictionary[Document, Reach] = WeakKeyDictionary()

    def of(self, document: Document) -> Reach:
        """Return how far its operations reach, all of them."""
        found = self._known.get(document)
        if found is None:
            assert document.node is not None  # noqa: S101 (it has no errors)
            found = self._known[document] = self._find(document.node)
        return found

    def _find(self, node: DocumentNode) -> Reach:
        types, edges = TypeInfo(self._schema), set[tuple[str, str]]()
        inputs = set[str]()

        class Edges(Visitor):
            def enter_field(self, field: FieldNode, *_: object) -> None:
                parent, type_ = types.get_parent_type(), types.get_type()
                if parent and type_:
                    edge = parent.name, field.name.value
                    if edge in ELSEWHERE or is_composite_type(get_named_type(type_)):
                        edges.add(edge)

            def enter_object_value(self, *_: object) -> None:
                inputs.add(str(get_named_type(types.get_input_type())))

            def enter_variable(self, *_: object) -> None:
                if str(get_named_type(types.get_input_type())) in HOLDERS:
                    inputs.update(FILTERS)

        visit(node, TypeInfoVisitor(types, Edges()))
        if not edges <= WITHIN or not inputs.isdisjoint(FILTERS):
            return Reach.ANYWHERE
        return Reach.SCOPES if edges.isdisjoint(PEOPLE) else Reach.PEOPLE
