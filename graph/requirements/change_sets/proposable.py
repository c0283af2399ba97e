"""The entities that a change set can change, and the inputs by which changes are proposed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.session import Transaction
from db.base import Entity
from db.core.projects import Project
from db.requirements.documents import Document
from graph.kit.declared import class_of
from graph.kit.inputs import input_for
from graph.kit.items import Item, Numbering, Prepare
from graph.kit.moving import PLACE_TEXT, Follow
from graph.kit.mutations import PATCH
from graph.kit.ordering import place_input
from graph.kit.scalars import BigInt
from graph.kit.words import column_name, spoken, with_article
from graph.requirements import blocks, documents, requirements, trace_links
from graph.requirements.change_sets.kinds import KINDS, Kind
from graph.requirements.following import followers
from graph.requirements.linking import create_links
from graph.requirements.nested import prepare_documents
from graph.requirements.numbers import NUMBERS

EXPECTED = (
    "The version of the object on which the proposal is based. It is ignored for an object that the"
    " change set creates."
)


@input_for(documents.Document, "A document to create in the project of a change set.")
class ChangeSetDocumentCreateInput:
    name: str
    slug: str
    description: str | None = UNSET
    tags: list[str] | None = UNSET
    external_id: str | None = UNSET
    position: float | None = strawberry.field(
        default=UNSET,
        description="The position of the document in its project. The default is the end.",
    )


@dataclass(frozen=True, kw_only=True)
class Proposable:
    """One entity: its type, its inputs, and what its own mutations check and complete.

    Rows are created `within` a container, or by `make`, which links are.
    """

    type: Any
    create: Any
    update: Any
    place: Any = None
    within: tuple[type[Entity], str] | None = None
    make: Callable[[Transaction, Sequence[Item]], Awaitable[None]] | None = None
    prepare: Prepare | None = None
    prepare_changed: Prepare | None = None
    numbering: Numbering | None = None
    ordered: bool = True
    follow: Follow | None = None

    @property
    def kind(self) -> Kind:
        """Return the model, and the order of its rows."""
        return KINDS[self.type.__name__]

    @property
    def model(self) -> Any:
        """Return the model."""
        return self.kind.model

    @property
    def noun(self) -> str:
        """Return the name of the entity, as in the names of its mutations."""
        return column_name(self.type.__name__)

    @property
    def verbs(self) -> tuple[str, ...]:
        """Return what can be proposed; links are not moved."""
        return ("create", "update", *(("move",) if self.place else ()), "delete", "restore")

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """Return the columns whose change by others conflicts with a deletion."""
        columns = (field.name for field in fields(self.update))
        place = (name for name in self.kind.place_columns if name != "position")
        return (*(name for name in columns if not name.endswith(PATCH)), *place)


PROPOSABLE: tuple[Proposable, ...] = (
    Proposable(
        type=documents.Document,
        create=ChangeSetDocumentCreateInput,
        update=documents.DocumentUpdateInput,
        place=place_input(documents.Document),
        within=(Project, "project_id"),
        prepare=prepare_documents,
        ordered=False,
    ),
    Proposable(
        type=blocks.Block,
        create=blocks.BlockCreateInput,
        update=blocks.BlockUpdateInput,
        place=blocks.BlockPlaceInput,
        within=(Document, "document_id"),
        prepare=blocks.prepare_blocks,
        follow=followers,
    ),
    Proposable(
        type=requirements.Requirement,
        create=requirements.RequirementCreateInput,
        update=requirements.RequirementUpdateInput,
        place=requirements.RequirementPlaceInput,
        within=(Document, "document_id"),
        prepare=requirements.prepare_requirements,
        prepare_changed=requirements.prepare_changed_requirements,
        numbering=NUMBERS,
        follow=followers,
    ),
    Proposable(
        type=trace_links.TraceLink,
        create=trace_links.TraceLinkCreateInput,
        update=trace_links.TraceLinkUpdateInput,
        make=create_links,
    ),
)
"""The entities: containers first, and links last."""

DOCUMENT, BLOCK, REQUIREMENT, TRACE_LINK = PROPOSABLE
PLACED = (DOCUMENT, BLOCK, REQUIREMENT)
BY_NAME = {kind.model.__name__: kind for kind in PROPOSABLE}


def _about(kind: Proposable | None, verb: str, **more: tuple[Any, Any]) -> Any:
    """Return the input of a proposal about an object that exists, in the tree or the change set."""
    name = "ChangeSetObjectInput" if kind is None else f"ChangeSet{kind.type.__name__}{verb}Input"
    noun = "object" if kind is None else spoken(kind.type.__name__)
    text = f"The proposed {verb.lower()} of one {noun}." if kind else "An object of a proposal."
    members = {
        "id": (UUID, strawberry.field(description=f"The ID of the {noun}.")),
        **more,
        "expected_version": (BigInt, strawberry.field(description=EXPECTED)),
    }
    return strawberry.input(class_of(name, members), description=text)


OBJECT = _about(None, "")
_ENDS = (
    " The source must be in the project of the change set. An end can be an object that the change"
    " set creates."
)


def _edit_input() -> Any:
    members: dict[str, tuple[Any, Any]] = {}
    for kind in PROPOSABLE:
        a_noun = with_article(kind.type.__name__).lower()
        change = strawberry.field(description="The fields to change.")
        place = strawberry.field(description=PLACE_TEXT)
        for verb, input_, text in (
            ("create", kind.create, f"Propose to create {a_noun}.{_ENDS if kind.make else ''}"),
            (
                "update",
                _about(kind, "Update", input=(kind.update, change)),
                f"Propose to update {a_noun}.",
            ),
            (
                "move",
                _about(kind, "Move", place_at=(kind.place, place)),
                f"Propose to move {a_noun} within the project.",
            ),
            (
                "delete",
                OBJECT,
                f"Propose to delete {a_noun}{' with everything in it' if kind.place else ''}.",
            ),
            ("restore", OBJECT, f"Propose to restore {a_noun} that was deleted."),
        ):
            if verb not in kind.verbs:
                continue
            field = strawberry.field(default=UNSET, description=text)
            members[f"{kind.noun}_{verb}"] = (input_ | None, field)
    text = "A proposed change of one object. Exactly one field must be given."
    return strawberry.input(class_of("ChangeSetEditInput", members), description=text, one_of=True)


ChangeSetEditInput = _edit_input()
EDITS = {f"{kind.noun}_{verb}": (kind, verb) for kind in PROPOSABLE for verb in kind.verbs}
"""The entity and the verb of each field of the input."""
