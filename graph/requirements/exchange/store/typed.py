"""Properties in an import: those that a file defines are created, and values get their types."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.core.projects import Project
from db.problem import Problem
from db.requirements.documents import Document
from db.requirements.properties import Property, PropertyType
from db.text import as_identifier
from graph.requirements.definitions import MAX_CHOICES, Definition, require_options
from graph.requirements.exchange.model.draft import Draft, DraftProperty
from graph.requirements.exchange.model.fields import listed
from graph.requirements.exchange.result import ImportResult
from graph.requirements.exchange.tables.cells import BOOLEANS, parted
from graph.requirements.property_limits import MAX_PROPERTIES, room
from graph.requirements.property_values import Applying, Definitions, members_among

MAX_NOTED = 10
"""Values of one property that a note lists."""
MAX_SHOWN_LENGTH = 80
"""Characters of a value in a note."""


class TypedProperties:
    """The definitions that apply to the documents of an import, and the values that do not fit."""

    def __init__(
        self,
        applying: Mapping[UUID, Applying],
        members: Iterable[UUID],
        declared: Mapping[str, Definition],
    ) -> None:
        self._applying, self._members = applying, frozenset(members)
        self._declared = declared
        self._unfit: dict[str, Counter[str]] = {}
        self._undefined: Counter[str] = Counter()

    @classmethod
    async def of(
        cls,
        transaction: Transaction,
        project: Project,
        draft: Draft,
        documents: Iterable[Document],
        result: ImportResult,
    ) -> "TypedProperties":
        """Create the properties that the file defines, and read all that apply.

        A file without properties costs no statement.
        """
        if not any(each.properties for one in draft.documents for each in one.requirements):
            return cls({}, (), {})
        places = [
            SimpleNamespace(project_id=project.id, document_id=document.id, block_id=None)
            for document in documents
        ]
        found = await Definitions.of(transaction, places)
        known = {key for place in places for key in found.applying(place).by_key}
        missing = [each for key, each in draft.properties.items() if key not in known]
        if missing and await _define(transaction, project, missing, result):
            found = await Definitions.of(transaction, places)
        applying = {place.document_id: found.applying(place) for place in places}
        users = set(_users(draft, applying.values()))
        members = await members_among(transaction, users)
        ours = (user for organization, user in members if organization == project.organization_id)
        return cls(applying, ours, {k: definition_of(v) for k, v in draft.properties.items()})

    def fitted(self, document: Document, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a requirement in the types of their properties.

        What does not fit stays as it is, and is counted; what may not be there is left out.
        """
        if not values:
            return {}
        applying = self._applying[document.id]
        found: dict[str, Any] = {}
        for key, value in values.items():
            definition = applying.by_key.get(key)
            if definition is None and applying.strict and value is not None:
                self._undefined[key] += 1
                continue
            # Who may not define properties imports values of the same types.
            definition = definition or self._declared.get(key)
            if definition is None:
                found[key] = value
                continue
            found[key] = typed = converted(definition, value)
            if definition.fault_in(typed) or not self._is_known(definition, typed):
                found[key] = value
                self._unfit.setdefault(key, Counter())[str(value)] += 1
        return found

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each property with values that do not fit or were left out."""
        for key, values in self._unfit.items():
            shown = listed(value[:MAX_SHOWN_LENGTH] for value, _ in values.most_common(MAX_NOTED))
            more = " and others" if len(values) > MAX_NOTED else ""
            yield (
                f"{key} takes no such values: {shown}{more} (values: {values.total()});"
                " they are kept as in the file."
            )
        for key, count in self._undefined.items():
            yield (
                f"{key} is not defined, and the project allows only properties that are"
                f" (values: {count}); left out."
            )

    def _is_known(self, definition: Definition, value: Any) -> bool:
        is_user = definition.type is PropertyType.USER and value is not None
        return not is_user or UUID(value) in self._members


async def _define(
    transaction: Transaction,
    project: Project,
    missing: Iterable[DraftProperty],
    result: ImportResult,
) -> bool:
    """Create these properties in the project, if the viewer may; return whether any was."""
    scopes: dict[str, Any] = scopes_beneath(Project, project)
    rows: list[Property] = []
    left: list[str] = []
    beyond: list[str] = []
    missing = list(missing)
    most = (await room(transaction, "project_id", [project.id]))[project.id]
    for each in missing:
        if len(rows) >= most:
            beyond.append(each.key)
            continue
        row = Property(
            **scopes,
            key=each.key,
            name=each.key,
            property_type=each.type,
            options={"choices": [{"id": one, "label": one} for one in each.choices]}
            if each.choices
            else {},
        )
        try:
            require_options(row.property_type, row.options)
            transaction.require_create(row)
            rows.append(row)
        except Problem:
            left.append(each.key)
    if left:
        result.notes.append(
            f"{listed(left)} could be defined as properties; administrators of the project define"
            " them by their imports."
        )
    if beyond:
        result.notes.append(
            f"{listed(beyond)} are not defined as properties: the project has {MAX_PROPERTIES}"
            " already."
        )
    transaction.add(*rows)
    await transaction.flush()
    result.properties.created += len(rows)
    return bool(rows)


def _users(draft: Draft, applying: Iterable[Applying]) -> Iterator[UUID]:
    """Yield the users that values name."""
    applying = [each for each in applying if each.has(PropertyType.USER)]
    if applying:
        for document in draft.documents:
            for requirement in document.requirements:
                for each in applying:
                    yield from (user for _, user in each.users_in(requirement.properties))


def property_of(key: str, type_: PropertyType, choices: Iterable[str] = ()) -> DraftProperty | None:
    """Return a property that a file defines, or None if its key or choices cannot be stored."""
    try:
        labels = list(dict.fromkeys(as_identifier(label) for label in choices if label.strip()))
        if as_identifier(key) != key or len(labels) > MAX_CHOICES:
            return None
    except Problem:
        return None
    return DraftProperty(key, type_, labels)


def definition_of(property: DraftProperty) -> Definition:
    """Return a property of a file as its definition will be; labels are the IDs of choices."""
    is_choice = property.type in (PropertyType.SELECT, PropertyType.MULTI_SELECT)
    choices = [{"id": label, "label": label} for label in property.choices]
    options: Mapping[str, Any] = {"choices": choices} if is_choice else {}
    return Definition(property.key, property.key, property.type, options, is_base=False)


def converted(definition: Definition, value: Any) -> Any:
    """Return a text in the type of a property where it reads as one; any other value as it is."""
    if definition.type is PropertyType.MULTI_SELECT:
        if isinstance(value, str):
            value = parted(value)
        is_list = isinstance(value, list)
        return [_choice(definition, member) for member in value] if is_list else value
    if not isinstance(value, str):
        return value
    if definition.type is PropertyType.SELECT:
        return _choice(definition, value.strip())
    read = READERS.get(definition.type)
    return read(value) if read else value


def _choice(definition: Definition, value: Any) -> Any:
    """Return the ID of the choice of this ID or, without regard to case, of this label."""
    if not isinstance(value, str) or value in definition.choices:
        return value
    labels = {one["label"].casefold(): one["id"] for one in definition.options["choices"]}
    return labels.get(value.casefold(), value)


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        if abs(number) <= 2**63:
            return number
    return text


def _day(text: str) -> str:
    try:
        return datetime.fromisoformat(text.strip()).date().isoformat()
    except ValueError:
        return text


READERS: Mapping[PropertyType, Callable[[str], Any]] = {
    PropertyType.NUMBER: _number,
    PropertyType.BOOLEAN: lambda text: BOOLEANS.get(text.strip().lower(), text),
    PropertyType.DATE: _day,
    PropertyType.URL: str.strip,
    PropertyType.USER: str.strip,
}
"""Read a text as a value of a type; one that is none stays."""
