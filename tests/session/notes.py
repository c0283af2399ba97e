"""Two entities that no product has, on which the kernel is tried: notes, and folders they are in.

Their tables are no part of the gateway's metadata. The fixture `notebook` makes them, and lets the
policy speak of them, while the tests of this folder run.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ForeignKeyConstraint, MetaData, create_mock_engine
from sqlalchemy.orm import Mapped, mapped_column

from auth.policy import ENTITIES, PRODUCT_OF, RULES
from auth.policy.rule import Rule
from auth.viewer import Role
from db.base import NAMING, Entity, InDocument, tenant_key
from db.constraints import not_blank, unique, unique_live
from db.fields import choice, json_object, number, words
from db.requirements.documents import Document
from db.text import Identifier, Lines, Name, Names
from db.traits import ResourceType, Traits, Trash

PLACE = ("organization_id", "project_id", "document_id")


def _in_document() -> ForeignKeyConstraint:
    document = Document.__table__.c
    keys = [document.organization_id, document.project_id, document.id]
    return ForeignKeyConstraint(PLACE, keys, onupdate="CASCADE")


class Stage(StrEnum):
    """The status of a note."""

    DRAFT = "draft"
    DONE = "done"


class InNotebook(InDocument, kw_only=True):
    """A row of a document, in a table that migrations know nothing of."""

    __abstract__ = True

    metadata = MetaData(naming_convention=NAMING)


class Folder(InNotebook, kw_only=True):
    """Notes and further folders."""

    __tablename__ = "a_folders"  # after the table that refers to it, if order went by names
    traits = Traits(ResourceType.BLOCK, parents=("parent_id",), trash=Trash.PURGED)

    parent_id: Mapped[UUID | None] = mapped_column(default=None)
    name: Mapped[Name]

    __table_args__ = (
        _in_document(),
        tenant_key("a_folders", "project_id", "document_id", "parent_id", onupdate="CASCADE"),
        unique(*PLACE, "id"),
        *not_blank(),
    )


class Note(InNotebook, kw_only=True):
    """A column of every kind that is written, merged or compared in a way of its own."""

    __tablename__ = "a_folder_notes"
    traits = Traits(ResourceType.REQUIREMENT, parents=("parent_id",), trash=Trash.PURGED)

    parent_id: Mapped[UUID | None] = mapped_column(default=None)
    code: Mapped[Identifier | None] = mapped_column(default=None)
    name: Mapped[Name]
    text: Mapped[Lines | None] = mapped_column(default=None)
    tags: Mapped[Names] = words()
    stage: Mapped[Stage] = choice(Stage.DRAFT)
    data: Mapped[dict[str, Any]] = json_object()
    position: Mapped[float] = number(0.0)
    rank: Mapped[int | None] = mapped_column(init=False, insert_default=1, server_default="2")
    """Its defaults differ: what a row leaves open is PostgreSQL's to fill in."""

    __table_args__ = (
        _in_document(),
        tenant_key("a_folders", "project_id", "document_id", "parent_id", onupdate="CASCADE"),
        *not_blank(),
        unique_live(
            "a_folder_notes", "organization_id", "document_id", "code", where="code IS NOT NULL"
        ),
    )


POLICY: Mapping[type[Entity], Rule] = {
    Folder: Rule(Role.VIEWER, Role.EDITOR, Role.EDITOR, Role.EDITOR),
    Note: Rule(Role.VIEWER, Role.EDITOR, Role.EDITOR, Role.ADMIN),
}
PRODUCT = "notes"


@contextmanager
def registered() -> Iterator[None]:
    """Let the policy speak of these entities until the end of the block."""
    known: list[dict[Any, Any]] = [RULES, PRODUCT_OF, ENTITIES]
    RULES.update(POLICY)
    PRODUCT_OF.update(dict.fromkeys(POLICY, PRODUCT))
    ENTITIES.update({model.__name__: model for model in POLICY})
    try:
        yield
    finally:
        for model in POLICY:
            for table in known:
                table.pop(model.__name__ if table is ENTITIES else model)


@asynccontextmanager
async def created(superuser: asyncpg.Connection) -> AsyncIterator[None]:
    """Have the tables until the end of the block, behind the row level security of blocks."""
    statements: list[str] = []

    def collect(sql: Any, *_: Any, **__: Any) -> None:
        statements.append(str(sql.compile(dialect=engine.dialect)))

    engine = create_mock_engine("postgresql+asyncpg://", collect)
    InNotebook.metadata.create_all(engine, checkfirst=False)
    walls = await superuser.fetch("SELECT * FROM pg_policies WHERE tablename = 'blocks'")
    tables = list(InNotebook.metadata.tables)
    for table in tables:
        statements += [f"ALTER TABLE {table} {how} ROW LEVEL SECURITY" for how in WALLED]
        statements += [_policy(table, wall) for wall in walls]
        statements.append(f"GRANT SELECT, INSERT, UPDATE ON {table} TO gateway_app")
    await _as_owner(superuser, statements)
    try:
        yield
    finally:
        gone = [f"DROP TABLE {table} CASCADE" for table in tables]
        await _as_owner(superuser, [*gone, "DROP TYPE stage"])


WALLED = ("ENABLE", "FORCE")


async def _as_owner(superuser: asyncpg.Connection, statements: list[str]) -> None:
    await superuser.execute(";".join(["SET ROLE gateway_owner", *statements, "RESET ROLE"]))


def _policy(table: str, wall: asyncpg.Record) -> str:
    sql = f"CREATE POLICY {wall['policyname']} ON {table} AS {wall['permissive']}"
    sql += f" FOR {wall['cmd']} TO {', '.join(wall['roles'])}"
    for clause, condition in (("USING", wall["qual"]), ("WITH CHECK", wall["with_check"])):
        sql += f" {clause} ({condition})" if condition else ""
    return sql
