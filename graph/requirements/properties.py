"""Properties: typed definitions of custom fields, for an organization, a project or a document."""

from collections.abc import Sequence
from datetime import date
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.session import Transaction
from db.base import SCOPES
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import properties as db
from db.requirements.documents import Document as DocumentRow
from db.requirements.properties import PropertyType
from graph.core.organizations import Organization
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.bulk import bulk, deletes, updates
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, create_rows, unrefused
from graph.kit.json_items import stored_as
from graph.kit.mutations import (
    Input,
    Place,
    delete,
    given,
    mutation,
    require_storable,
    restore,
    revert,
    update,
    writing,
)
from graph.kit.node import Node
from graph.kit.payloads import answer, bulk_payload_of, payload_of
from graph.requirements.definitions import MAX_CHOICES, require_options
from graph.requirements.documents import Document
from graph.requirements.property_limits import MODELS, TOO_MANY, require_room, room


@strawberry.enum(description="The scope in which a property is defined.")
class PropertyScope(Enum):
    ORGANIZATION = strawberry.enum_value(
        "organization", description="All requirements of the organization."
    )
    PROJECT = strawberry.enum_value("project", description="All requirements of the project.")
    DOCUMENT = strawberry.enum_value("document", description="All requirements of the document.")


@strawberry.type(description="A choice of a property of the type SELECT or MULTI_SELECT.")
class PropertyChoice:
    id: str = described("The ID of the choice, which requirements store. It never changes.")
    label: str = described("The label of the choice.")
    color: str | None = described("The color of the choice, in the format #RRGGBB.")


@strawberry.type(description="The options of a property. Each type of property has some of them.")
class PropertyOptions:
    choices: list[PropertyChoice] = described("The choices, in order.")
    minimum: float | None = described("The minimum of a number.")
    maximum: float | None = described("The maximum of a number.")
    earliest: date | None = described("The earliest date.")
    latest: date | None = described("The latest date.")
    pattern: str | None = described(
        "The regular expression, in the syntax of RE2, that a whole text must match."
    )
    default: JSON | None = described("The value of new requirements for which none is given.")


@strawberry.type(
    description="The definition of a custom field of requirements. `Requirement.properties` holds"
    " the values by `key`."
)
class Property(Authored, Node):
    model = db.Property

    key: str = described(
        "The key under which requirements store the value. It is unique within the scope and never"
        " changes."
    )
    name: str = described("The name of the property, unique within the scope.")
    property_type: PropertyType = described("The type of the values.")
    is_base: bool = described(
        "Whether this is a base property. It cannot be deleted, its type cannot change, and no"
        " narrower scope can define its key."
    )
    organization_id: UUID = described("The ID of the organization of the property.")
    project_id: UUID | None = described(
        "The ID of the project of the property; null if the organization defines it."
    )
    document_id: UUID | None = described(
        "The ID of the document of the property; null if no document defines it."
    )
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project of the property."
    )
    document: Document | None = to_one(
        "document_id", DocumentRow, Document, "The document of the property."
    )

    @computed("project_id", "document_id", text="The scope in which the property is defined.")
    def scope(root: strawberry.Parent[Any]) -> PropertyScope:  # noqa: N805
        if root.document_id:
            return PropertyScope.DOCUMENT
        return PropertyScope.PROJECT if root.project_id else PropertyScope.ORGANIZATION

    @computed("options", text="The options of the property.")
    def options(root: strawberry.Parent[Any]) -> PropertyOptions:  # noqa: N805
        options = root.options
        return PropertyOptions(
            choices=[
                PropertyChoice(id=one["id"], label=one["label"], color=one.get("color"))
                for one in options.get("choices", ())
            ],
            earliest=_day(options.get("earliest")),
            latest=_day(options.get("latest")),
            **{name: options.get(name) for name in ("minimum", "maximum", "pattern", "default")},
        )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


PropertyFilterInput = filter_input(
    Property,
    "id",
    "project_id",
    "document_id",
    "key",
    "name",
    "property_type",
    "is_base",
    "created_at",
    "updated_at",
)
PropertyOrderInput = order_input(
    Property, "name", "key", "property_type", "created_at", "updated_at"
)


@input_for(PropertyChoice, "A choice of a property.")
class PropertyChoiceInput:
    label: str = strawberry.field(description="The label of the choice.")
    id: str | None = strawberry.field(
        default=UNSET,
        description="The ID of the choice, which requirements store. The default is the label. Keep"
        " it when the label changes.",
    )
    color: str | None = strawberry.field(
        default=UNSET, description="The color of the choice, in the format #RRGGBB."
    )


@strawberry.input(description="The options of a property, which replace all earlier ones.")
class PropertyOptionsInput:
    choices: list[PropertyChoiceInput] | None = strawberry.field(
        default=UNSET,
        description=f"The choices of a SELECT or MULTI_SELECT, in order, at most {MAX_CHOICES}."
        " A value that is no choice any more stays, and cannot be chosen again.",
    )
    minimum: float | None = strawberry.field(default=UNSET, description="The minimum of a NUMBER.")
    maximum: float | None = strawberry.field(default=UNSET, description="The maximum of a NUMBER.")
    earliest: date | None = strawberry.field(
        default=UNSET, description="The earliest date of a DATE."
    )
    latest: date | None = strawberry.field(default=UNSET, description="The latest date of a DATE.")
    pattern: str | None = strawberry.field(
        default=UNSET,
        description="The regular expression that a whole TEXT must match, in the syntax of RE2.",
    )
    default: JSON | None = strawberry.field(
        default=UNSET,
        description="The value of new requirements for which none is given. A USER has no default.",
    )

    def as_json(self) -> dict[str, Any]:
        """Return the options that are given, as they are stored."""
        plain = {
            "choices": [_choice(one) for one in self.choices or ()] or None,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "earliest": self.earliest and self.earliest.isoformat(),
            "latest": self.latest and self.latest.isoformat(),
            "pattern": self.pattern,
            "default": self.default,
        }
        return {name: value for name, value in plain.items() if value not in (UNSET, None)}


def _stored(options: PropertyOptionsInput, place: Place) -> dict[str, Any]:
    """Return options as they are stored. Raises INVALID for text that cannot be."""
    plain = options.as_json()
    require_storable(plain, place)
    return plain


def _choice(choice: PropertyChoiceInput) -> dict[str, Any]:
    stored = {"id": choice.id or choice.label, "label": choice.label}
    return stored | ({"color": choice.color} if choice.color else {})


@input_for(
    Property,
    "A property to create, in an organization, a project or a document: give the ID of one.",
)
class PropertyCreateInput:
    organization_id: UUID | None = strawberry.field(
        default=UNSET, description="The ID of the organization that defines the property."
    )
    project_id: UUID | None = strawberry.field(
        default=UNSET, description="The ID of the project that defines the property."
    )
    document_id: UUID | None = strawberry.field(
        default=UNSET, description="The ID of the document that defines the property."
    )
    name: str
    key: str | None = strawberry.field(
        default=UNSET,
        description="The key under which requirements store the value. The default is the name.",
    )
    property_type: PropertyType
    options: PropertyOptionsInput | None = stored_as(_stored, default=UNSET)
    is_base: bool | None = UNSET


@input_for(Property, "The fields of a property to change.")
class PropertyUpdateInput:
    name: Maybe[str]
    property_type: Maybe[PropertyType]
    options: Maybe[PropertyOptionsInput] = stored_as(_stored)


def _new(input: Any, place: Place) -> Item:
    """Return the item of a new property. Raises INVALID unless it names one scope."""
    values = given(input, place)
    if len(values.keys() & MODELS.keys()) != 1:
        message = "Give one of `organizationId`, `projectId` and `documentId`."
        raise Problem("INVALID", message, field=[*place, "organizationId"])
    values.setdefault("key", values["name"])
    return Item(values)


async def _create(transaction: Transaction, items: Sequence[Item]) -> None:
    for key, parent in MODELS.items():
        within = [item for item in unrefused(items) if key in item.values]
        left = await room(transaction, key, {item.values[key] for item in within})
        for item in within:
            left[item.values[key]] -= 1
            if left[item.values[key]] < 0:
                item.refuse(Problem("INVALID", TOO_MANY, field=[key]))
        if within := unrefused(within):
            await create_rows(transaction, db.Property, (parent, key), within, _prepare)


async def _prepare(_: Transaction, items: Sequence[Item], __: Found) -> None:
    """Refuse options that do not fit the type, and another type of a base property."""
    for item in items:
        row = item.row
        if row.is_base and item.before.get("property_type", row.property_type) != row.property_type:
            message = "The type of a base property cannot change."
            item.refuse(Problem("INVALID", message, field=["property_type"]))
            continue
        try:
            require_options(row.property_type, row.options)
        except Problem as problem:
            item.refuse(problem)


async def property_create(info: Info, input: Input[PropertyCreateInput]) -> Any:
    item = _new(input, ("input",))
    async with writing(info) as transaction:
        await _create(transaction, [item])
        row = item.require()
        transaction.add(row)
    return answer(payload_of(Property), row)


async def _require_not_base(_: Transaction, items: Sequence[Item], __: Found) -> None:
    for item in items:
        if item.row.is_base:
            item.refuse(Problem("INVALID", "A base property cannot be deleted."))


def _properties(key: str, text: str) -> Any:
    """Return the connection of the properties that this scope itself defines."""
    narrower = SCOPES[SCOPES.index(key) + 1 :]
    return connection(
        db.Property,
        Property,
        PropertyFilterInput,
        PropertyOrderInput,
        text,
        key=key,
        where=[getattr(db.Property, column).is_(None) for column in narrower],
    )


extend_type(
    Organization,
    properties=_properties(
        "organization_id", "The properties that the organization defines for all its projects."
    ),
)
extend_type(
    Project,
    properties=_properties(
        "project_id", "The properties that the project defines for all its documents."
    ),
)
extend_type(
    Document, properties=_properties("document_id", "The properties that the document defines.")
)


@strawberry.type
class Query:
    property = by_id(db.Property, Property, "Look up a property by its ID.")


@strawberry.type
class Mutation:
    property_create = mutation(
        property_create,
        payload_of(Property),
        "Create a property in an organization, a project or a document, each of which has at most"
        " 500.",
    )
    property_update = update(
        Property,
        PropertyUpdateInput,
        "Update a property. Stored values stay as they are.",
        prepare=_prepare,
    )
    property_revert = revert(Property)
    property_delete = delete(
        Property,
        "Delete a property. Stored values stay as they are. It can be restored.",
        prepare=_require_not_base,
    )
    property_restore = restore(Property, "Restore a deleted property.", require=require_room)
    properties_create = bulk(
        bulk_payload_of(Property),
        PropertyCreateInput,
        "Create up to 500 properties.",
        _new,
        _create,
    )
    properties_update = updates(
        Property, PropertyUpdateInput, "Update up to 500 properties.", prepare=_prepare
    )
    properties_delete = deletes(
        Property,
        "Delete up to 500 properties. They can be restored.",
        prepare=_require_not_base,
    )
