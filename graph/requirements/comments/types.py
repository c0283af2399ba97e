"""The types of threads and comments, and the lists of them."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.base import get_object_definition

from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.requirements import comments as db
from db.requirements.documents import Document as DocumentRow
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.filters import EntityTypeFilterInput
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import NODES, Node
from graph.requirements.baselines import Baseline
from graph.requirements.blocks import Block
from graph.requirements.change_sets.types import ChangeSet
from graph.requirements.comments.anchors import TextAnchor
from graph.requirements.diagrams.drawings import ExcalidrawDiagram
from graph.requirements.diagrams.flows import ReactFlowDiagram
from graph.requirements.documents import Document
from graph.requirements.executions import TestExecution
from graph.requirements.external_documents import ExternalDocument
from graph.requirements.files import File
from graph.requirements.matrix_views import TestMatrixView
from graph.requirements.properties import Property
from graph.requirements.requirements import Requirement
from graph.requirements.reviews.types import Review
from graph.requirements.testing import TestCase
from graph.requirements.trace_links import TraceLink

ANCHOR = (
    "field",
    "path",
    "quote",
    "anchored_text",
    "prefix",
    "suffix",
    "start_at",
    "end_at",
)
"""The columns of an anchor."""
MAX_THREADS_PAGE_SIZE = 500

COMMENTABLE_TYPES: tuple[type[Node], ...] = (
    Requirement,
    Block,
    Document,
    Project,
    TestCase,
    TestExecution,
    TestMatrixView,
    TraceLink,
    Baseline,
    ChangeSet,
    Review,
    ExcalidrawDiagram,
    ReactFlowDiagram,
    Property,
    File,
    ExternalDocument,
)
"""The types of objects that can be commented on, the most frequent first."""


@strawberry.interface(description="An object that can be commented on.")
class Commentable(Node):
    pass


@strawberry.type(
    description="A discussion of an object, or of a span of one of its texts. Everybody in the"
    " organization who can read the object with the role VIEWER can read the thread and reply."
)
class CommentThread(Authored, Node):
    model = db.CommentThread

    entity_type: EntityType = described("The type of the object that the thread is about.")
    entity_id: UUID = described("The ID of the object that the thread is about.")
    organization_id: UUID = described("The ID of the organization of the thread.")
    project_id: UUID | None = described(
        "The ID of the project of the object; null if it is in no project."
    )
    document_id: UUID | None = described(
        "The ID of the document of the object; null if it is in no document."
    )
    resolved_at: datetime | None = described(
        "The date and time when the thread was resolved; null while it is open."
    )
    resolved_by: Profile | None = to_one(
        "resolved_by", ProfileRow, Profile, "The user who resolved the thread."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the object."
    )
    document: Document | None = to_one(
        "document_id", DocumentRow, Document, "The document of the object."
    )

    @computed(*ANCHOR, text="The span of a text that the thread is about, if any.")
    def anchor(root: strawberry.Parent[Any]) -> TextAnchor | None:  # noqa: N805
        return TextAnchor.of(root) if root.field else None

    @computed(
        "entity_id",
        text="The object that the thread is about; null if it was deleted.",
    )
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        (row,) = await info.context.nodes([root.entity_id], list(NODES))
        return row  # type: ignore[return-value]


def _as_id(stored: Any) -> UUID | None:
    """Return a stored ID; None for what has another form."""
    try:
        return UUID(stored)
    except (TypeError, ValueError, AttributeError):
        return None


@strawberry.type(description="A comment in a thread.")
class Comment(Authored, Node):
    model = db.Comment

    body: str = described("The text of the comment.")
    thread_id: UUID = described("The ID of the thread.")
    organization_id: UUID = described("The ID of the organization of the comment.")
    project_id: UUID | None = described(
        "The ID of the project of the object; null if it is in no project."
    )
    document_id: UUID | None = described(
        "The ID of the document of the object; null if it is in no document."
    )
    edited_at: datetime | None = described(
        "The date and time when the text was last changed; null if it never was."
    )
    thread: CommentThread | None = to_one(
        "thread_id", db.CommentThread, CommentThread, "The thread of the comment."
    )

    @computed("mentions", text="The users whom the comment mentions.", metadata={"largest_page": 5})
    async def mentions(root: strawberry.Parent[Any], info: Info) -> list[Profile]:  # noqa: N805
        ids = filter(None, map(_as_id, root.mentions))
        found = (info.context.one(ProfileRow, id) for id in ids)
        people = await asyncio.gather(*found)
        return [person for person in people if person is not None]  # type: ignore[misc]


CommentThreadFilterInput = filter_input(
    CommentThread,
    "id",
    "organization_id",
    "project_id",
    "document_id",
    "entity_type",
    "entity_id",
    "resolved_at",
    "created_by",
    "created_at",
    "updated_at",
    comparisons={"entity_type": EntityTypeFilterInput},
)
CommentThreadOrderInput = order_input(CommentThread, "resolved_at", "created_at", "updated_at")
CommentFilterInput = filter_input(
    Comment,
    "id",
    "organization_id",
    "project_id",
    "document_id",
    "thread_id",
    "body",
    "created_by",
    "created_at",
    "updated_at",
)
CommentOrderInput = order_input(Comment, "created_at", "updated_at")


def _threads(key: str | None, text: str) -> Any:
    return connection(
        db.CommentThread,
        CommentThread,
        CommentThreadFilterInput,
        CommentThreadOrderInput,
        text,
        key=key,
        largest=MAX_THREADS_PAGE_SIZE,
        narrowed=("document_id", "entity_id"),
    )


def _comments(key: str | None, text: str) -> Any:
    return connection(db.Comment, Comment, CommentFilterInput, CommentOrderInput, text, key=key)


def make_commentable(type_: type[Node]) -> None:
    """Add the interface `Commentable` with its fields to a type."""
    get_object_definition(type_, strict=True).interfaces.append(
        get_object_definition(Commentable, strict=True)
    )
    _add_threads(type_)


def _add_threads(type_: type[Node]) -> None:
    extend_type(
        type_, comment_threads=_threads("entity_id", "The threads about the object itself.")
    )


_add_threads(Commentable)
for type_ in COMMENTABLE_TYPES:
    make_commentable(type_)
extend_type(
    CommentThread, comments=_comments("thread_id", "The comments of the thread, oldest first.")
)


@strawberry.type
class Query:
    comment_thread = by_id(db.CommentThread, CommentThread, "Look up a thread by its ID.")
    comment_threads = _threads(None, "List threads that the viewer can read.")
    comment = by_id(db.Comment, Comment, "Look up a comment by its ID.")
    comments = _comments(None, "List comments that the viewer can read.")
