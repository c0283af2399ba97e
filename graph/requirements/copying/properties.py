"""The properties that copied columns show: those of the target, or copies where it has none.

Values of requirements stand under the keys of properties, so that a property is replaced by one of
the same key and type.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import UUID

from auth.policy import allows, in_token_scope
from auth.session import Transaction
from db.core.projects import Project
from db.fields import among
from db.requirements.documents import Document
from db.requirements.properties import Property

COPIED = ("key", "name", "property_type", "options")
"""The columns of a property that its copy takes over."""


@dataclass
class PropertyCopies:
    """The properties of copied documents, in a project."""

    transaction: Transaction
    project: Project
    documents: Mapping[UUID, Document]
    """The new documents, by the IDs of those that are copied."""
    replaced: dict[UUID, UUID] = field(default_factory=dict)
    """The property of the project or the organization in the place of another project's."""
    omitted: set[str] = field(default_factory=set)
    """The names of properties that the viewer may not define in the target."""
    _own: dict[tuple[UUID, UUID], UUID] = field(default_factory=dict)
    """The property of a new document, by the IDs of the copied document and of the property."""

    def of(self, document_id: UUID, property_id: UUID) -> UUID | None:
        """Return the property that a column of the copy of a document shows; None for none."""
        own = self._own.get((document_id, property_id))
        return own or self.replaced.get(property_id)

    async def of_project(self, source: UUID) -> None:
        """Define the properties of a project in the new one, which defines none yet."""
        here = (Property.project_id == source, Property.document_id.is_(None))
        for row in await self.transaction.find_all(Property, *here, lock=False):
            copy = self._copy(row, None, is_base=row.is_base)
            self.replaced[row.id] = copy.id
        await self.transaction.flush()

    async def make(self, shown: Iterable[tuple[UUID, UUID]]) -> None:
        """Find or define the properties of the documents, and those that their columns show.

        `shown` has the document and the property of each column.
        """
        pairs = dict.fromkeys(shown)
        find = self.transaction.find_by_id
        of_documents = among(Property.document_id, self.documents)
        own = await self.transaction.find_all(Property, of_documents, lock=False)
        known = await find(Property, {id for _, id in pairs}, lock=False)
        wider = [row for row in known.values() if row.document_id is None]
        await self._replace([row for row in wider if row.id not in self.replaced])
        defined = {(row.document_id, row.key): row for row in own}
        for row in own:
            if row.document_id is not None:
                self._define(row, row.document_id)
        for document_id, id in pairs:
            property_ = known.get(id)
            if property_ is None or self.of(document_id, id):
                continue
            same = defined.get((document_id, property_.key))
            if same is not None:
                if copy := self._own.get((document_id, same.id)):
                    self._own[document_id, id] = copy
                continue
            defined[document_id, property_.key] = property_
            self._define(property_, document_id)
        await self.transaction.flush()

    async def _replace(self, rows: Collection[Property]) -> None:
        """Find properties of the same key and type for those of wider scopes than a document."""
        stays = [row for row in rows if row.project_id in (None, self.project.id)]
        self.replaced |= {row.id: row.id for row in stays}
        left = [row for row in rows if row.id not in self.replaced]
        if not left:
            return
        there = (
            Property.organization_id == self.project.organization_id,
            Property.document_id.is_(None),
            (Property.project_id == self.project.id) | Property.project_id.is_(None),
        )
        found = await self.transaction.find_all(Property, *there, lock=False)
        by_key: dict[str, Property] = {}
        for row in sorted(found, key=lambda row: row.project_id is not None):
            if not (row.key in by_key and by_key[row.key].is_base):
                by_key[row.key] = row  # the project's, which overrides that of the organization
        for row in left:
            same = by_key.get(row.key)
            if same is not None and same.property_type is row.property_type:
                self.replaced[row.id] = same.id

    def _define(self, row: Property, document_id: UUID) -> None:
        """Define a property in the copy of a document, if the viewer may."""
        document = self.documents[document_id]
        place = SimpleNamespace(
            organization_id=self.project.organization_id,
            project_id=self.project.id,
            document_id=document.id,
        )
        viewer = self.transaction.viewer
        may = in_token_scope(viewer, "create", Property)
        if may and allows(viewer, "create", Property, place):
            is_base = row.is_base and row.document_id is not None
            self._own[document_id, row.id] = self._copy(row, document, is_base=is_base).id
        else:
            self.omitted.add(row.name)

    def _copy(self, row: Property, document: Document | None, *, is_base: bool) -> Property:
        copy = Property(
            organization_id=self.project.organization_id,
            project_id=self.project.id,
            document_id=document.id if document else None,
            is_base=is_base,
            **{name: getattr(row, name) for name in COPIED},
        )
        self.transaction.add(copy)
        return copy
