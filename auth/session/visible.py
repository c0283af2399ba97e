"""Which rows exist for a viewer: permitted, not deleted, and beneath nothing that is deleted."""

from functools import cache

from sqlalchemy import CTE, ColumnElement, exists, select
from sqlalchemy.orm import aliased

from auth.policy import live, permitted
from db.base import Entity, Part, Readable
from db.core.organizations import Organization
from db.core.projects import Project
from db.requirements.documents import Block, Document

ANCESTORS: dict[str, type[Entity]] = {
    "organization_id": Organization,
    "project_id": Project,
    "document_id": Document,
}
"""Whose deletion hides what is beneath, by the column that names them."""


@cache
def unhidden(model: type[Entity]) -> tuple[ColumnElement[bool], ...]:
    """Rows with no deleted ancestor. The inner side has an index of the few deleted rows alone.

    Built once a model: that takes milliseconds, and every statement needs it.
    """
    conditions = [
        ~exists().where(ancestor.id == getattr(model, key), ancestor.deleted_at.is_not(None))
        for key, ancestor in ANCESTORS.items()
        if hasattr(model, key)
    ]
    block = {"blocks": "parent_id"}.get(model.__tablename__, "block_id")
    if hasattr(model, block):
        gone = deleted_blocks()
        conditions.append(~exists().where(gone.c.id == getattr(model, block)))
    return tuple(conditions)


@cache
def deleted_blocks() -> CTE:
    """Deleted blocks and all blocks beneath them, from the few at the top downwards.

    Always the same, so that a statement over several models looks for them once.
    """
    top, below = aliased(Block), aliased(Block)
    gone = select(top.id).where(top.deleted_at.is_not(None)).cte("gone", recursive=True)
    return gone.union(select(below.id).where(below.parent_id == gone.c.id))


@cache
def visible(model: Readable, *, deleted: bool | None = False) -> tuple[ColumnElement[bool], ...]:
    """The criteria of every read, built once; `auth.policy.parameters` supplies who asks.

    `deleted` as None leaves in what is deleted, and what is beneath it.
    """
    if issubclass(model, Part):
        whole = (
            exists()
            .where(model.whole.id == getattr(model, model.whole_key), *visible(model.whole))
            .correlate(model.__table__)
        )
        return permitted("read", model), whole
    if deleted is None:
        return (permitted("read", model),)
    return (
        ~live(model) if deleted else live(model),
        *unhidden(model),
        permitted("read", model),
    )
