"""One request: the viewer's session and the loaders that batch what its resolvers ask for."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from aiodataloader import DataLoader
from sqlalchemy import Uuid, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from uuid_utils.compat import uuid7

from auth.mail import Outbox
from auth.session import Past, Row, ViewerSession
from auth.session.refusal import missing
from auth.viewer import Viewer
from db.base import Entity
from db.problem import Problem
from graph.kit.presence import Presence

T = TypeVar("T")
LARGEST_PAGE = 100
"""Rows that one field answers with, where it says nothing else."""

Batch = Callable[[list[UUID]], Coroutine[Any, Any, list[Any]]]


class Context:
    """What resolvers are given: the viewer's own session, and loaders that live for one request.

    Mail goes into `outbox`, where there is one; `presence` knows who is in which document.
    """

    def __init__(
        self,
        session: ViewerSession,
        outbox: Outbox | None = None,
        presence: Presence | None = None,
    ) -> None:
        self.session, self.outbox, self.presence = session, outbox, presence
        self.loaders: dict[Hashable, DataLoader[UUID, Any]] = {}
        self.prepared: dict[Hashable, Any] = {}

    @property
    def viewer(self) -> Viewer:
        return self.session.viewer

    @property
    def rows_read(self) -> int:
        """Rows that PostgreSQL has sent for this request so far."""
        return self.session.rows_read

    def correlate(self, id: UUID | None) -> UUID:
        """Have what is changed from now on recorded under this id, or a new one; which it is."""
        origin = self.session.origin = replace(self.session.origin, correlation_id=id or uuid7())
        return origin.correlation_id

    def loader(self, key: Hashable, batch: Batch) -> DataLoader[UUID, Any]:
        """The request's loader of this name; `batch` answers many keys with one statement."""
        if key not in self.loaders:
            self.loaders[key] = DataLoader(batch)
        return self.loaders[key]

    def once(self, key: Hashable, prepare: Callable[[], T]) -> T:
        """What `prepare` makes, made once a request: many parents share one field's arguments."""
        if key not in self.prepared:
            self.prepared[key] = prepare()
        made: T = self.prepared[key]
        return made

    async def one(self, model: type[Entity], id: UUID, past: Past | None = None) -> Row | None:
        """The row, or None when there is none that the viewer may read; in the past, if given."""
        loader = self.loader((model, past), partial(self._rows_by_id, model, past=past))
        row: Row | None = await loader.load(id)
        return row

    async def deleted(self, model: type[Entity], id: UUID) -> Row | None:
        """The deleted row, or None when there is none that the viewer may have read."""
        loader = self.loader((model, "deleted"), partial(self._rows_by_id, model, deleted=True))
        row: Row | None = await loader.load(id)
        return row

    async def get(self, model: type[Entity], id: UUID, past: Past | None = None) -> Row:
        """The row, or NOT_FOUND."""
        if row := await self.one(model, id, past):
            return row
        raise missing(model)

    async def get_then(
        self, model: type[Entity], id: UUID, at_version: int | None, as_of: datetime | None
    ) -> Row:
        """The row at this version or time, or as it is where neither is given; or NOT_FOUND."""
        if at_version is None and as_of is None:
            return await self.get(model, id)
        if at_version is None:
            assert as_of is not None  # noqa: S101 (one of them is)
            past, argument = await self.session.moment(as_of), "asOf"
        elif as_of is None:
            if at_version < 1:
                raise Problem("INVALID", "Versions count from 1.", field=["atVersion"])
            past, argument = await self.session.moment_of(model, id, at_version), "atVersion"
        else:
            raise Problem("INVALID", "Give a version or a time, not both.", field=["asOf"])
        if row := await self.one(model, id, past):
            return row
        raise missing(model, [argument])

    def past_of(self, row: Any) -> Past | None:
        """The past in which a row was read, for what is read beneath it; None for the present."""
        return self.session.past_of(row)

    async def get_by(self, model: type[Entity], column: str, value: object) -> Row:
        """The row with this value in a column that is unique, or NOT_FOUND."""
        if rows := await self.session.rows(model, getattr(model, column) == value, limit=1):
            return rows[0]
        raise missing(model)

    async def nodes(self, ids: Sequence[UUID], among: Sequence[type[Entity]]) -> list[Row | None]:
        """The rows with these ids, of whichever of these models; two statements a model at most."""
        if len(ids) > LARGEST_PAGE:
            raise Problem("INVALID", f"At most {LARGEST_PAGE} ids.", field=["ids"])
        loader = self.loader(("models", *among), partial(self._models_of, among))
        models: list[type[Entity] | None] = await loader.load_many(ids)
        return await asyncio.gather(
            *(
                self.one(model, id) if model else _nothing()
                for model, id in zip(models, ids, strict=True)
            )
        )

    async def node(self, id: UUID, among: Sequence[type[Entity]]) -> Row:
        """The row with this id, of whichever of these models, or NOT_FOUND."""
        (row,) = await self.nodes([id], among)
        if row is None:
            raise Problem("NOT_FOUND", "There is nothing with this id.")
        return row

    def become(self, viewer: Viewer) -> None:
        """Go on with the grants that the viewer has just been given."""
        self.session.viewer = viewer
        self.forget()

    def forget(self) -> None:
        """Drop what was read before a write; it may no longer hold."""
        self.loaders.clear()

    async def _models_of(
        self, among: Sequence[type[Entity]], ids: list[UUID]
    ) -> list[type[Entity] | None]:
        found = await self.session.models_of(ids, among)
        return [found.get(id) for id in ids]

    async def _rows_by_id(
        self,
        model: type[Entity],
        ids: list[UUID],
        *,
        past: Past | None = None,
        deleted: bool = False,
    ) -> list[Row | None]:
        if deleted:
            wanted = any_(bindparam("ids", ids, type_=ARRAY(Uuid)))
            rows = await self.session.rows(model, model.id == wanted, deleted=True)
            found = {row["id"]: row for row in rows}
        else:
            pages = await self.session.pages(model, "id", ids, past=past)
            found = {id: page[0] for id, page in pages.items()}
        return [found.get(id) for id in ids]


async def _nothing() -> None:
    """In the place of a row that no model has."""


Info = strawberry.Info[Context, None]
