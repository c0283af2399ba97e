"""The context of one request: the viewer's session, and loaders that batch reads of resolvers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
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

from auth.accounts.mail import Outbox
from auth.accounts.sso.flow import SingleSignOn
from auth.session import Past, Row, ViewerSession
from auth.session.versions import Version
from auth.session.write.db_errors import missing
from auth.text_records import TextRecords
from auth.viewer import Viewer
from db.base import Entity
from db.problem import Problem
from graph.kit.billing import Payments
from graph.kit.bulk_checks import Bulk
from graph.kit.feed import Feed, Place
from graph.kit.model_terms import ModelTerms
from graph.kit.presence import Presence
from graph.kit.storage import Storage
from graph.kit.webhooks import Webhooks

T = TypeVar("T")
MAX_PAGE_SIZE = 100
"""Rows of a page, at most, where the field declares no other number."""

Batch = Callable[[list[UUID]], Coroutine[Any, Any, list[Any]]]


def _free(_: int) -> None:
    """Take nothing: nobody counts."""


class Context:
    """The context of resolvers: the viewer's own session, and loaders that live for one request.

    Mail goes into `outbox`, where there is one; `presence` is that of all documents. `began` is the
    position of the feed before anything was read for this request.
    """

    def __init__(
        self,
        session: ViewerSession,
        outbox: Outbox | None = None,
        presence: Presence | None = None,
        feed: Feed | None = None,
        began: Place | None = None,
        storage: Storage | None = None,
        webhooks: Webhooks | None = None,
        model_terms: ModelTerms | None = None,
        payments: Payments | None = None,
        *,
        processes_documents: bool = False,
        bulk: Bulk | None = None,
        text_records: TextRecords | None = None,
        sso: SingleSignOn | None = None,
    ) -> None:
        self.session, self.outbox, self.presence = session, outbox, presence
        self._feed, self._storage, self._webhooks = feed, storage, webhooks
        self._payments, self._bulk = payments, bulk
        self._sso = sso
        self.text_records = text_records or TextRecords()
        """The TXT records of the DNS."""
        self.model_terms = model_terms
        """The terms of the language model; None if the gateway has none."""
        self.processes_documents = processes_documents
        """True if the gateway has a document processor."""
        self._began = began or (feed.here() if feed else None)
        self.spend: Callable[[int], None] = _free
        """Takes further cost from what the viewer may ask for. Raises RATE_LIMITED."""
        self.loaders: dict[Hashable, DataLoader[UUID, Any]] = {}
        self.prepared: dict[Hashable, Any] = {}

    @property
    def viewer(self) -> Viewer:
        return self.session.viewer

    @property
    def rows_read(self) -> int:
        """Return the number of rows that PostgreSQL has sent for this request so far."""
        return self.session.rows_read

    @property
    def feed(self) -> tuple[Feed, Place]:
        """Return the feed, and its position before this request read anything. Raises BUSY."""
        if self._feed is None or self._began is None:
            raise Problem("BUSY", "The gateway is starting, and does not follow changes yet.")
        return self._feed, self._began

    @property
    def storage(self) -> Storage:
        """Return the storage of files. Raises BUSY without one."""
        if self._storage is None:
            raise Problem("BUSY", "The gateway does not store files here.")
        return self._storage

    @property
    def webhooks(self) -> Webhooks:
        """Return the checks of webhook endpoints. Raises BUSY without them."""
        if self._webhooks is None:
            raise Problem("BUSY", "The gateway does not send webhooks here.")
        return self._webhooks

    @property
    def sso(self) -> SingleSignOn:
        """Return the single sign-on of organizations. Raises BUSY without it."""
        if self._sso is None:
            raise Problem("BUSY", "The gateway does not reach identity providers here.")
        return self._sso

    @property
    def bulk(self) -> Bulk:
        """Return the checks of bulk operations. Raises BUSY without them."""
        if self._bulk is None:
            raise Problem("BUSY", "The gateway does not run bulk operations here.")
        return self._bulk

    @property
    def takes_payments(self) -> bool:
        """Return whether plans are sold here."""
        return self._payments is not None and self._payments.enabled

    @property
    def payments(self) -> Payments:
        """Return the subscriptions of organizations. Raises BUSY without them."""
        if self._payments is None:
            raise Problem("BUSY", "The gateway takes no payments here.")
        return self._payments

    def correlate(self, id: UUID | None) -> UUID:
        """Record later changes under this correlation ID, or a new one; return it."""
        origin = self.session.origin = replace(self.session.origin, correlation=id or uuid7())
        return origin.correlation_id

    def loader(self, key: Hashable, batch: Batch) -> DataLoader[UUID, Any]:
        """Return the request's loader of this key; `batch` reads many rows with one statement."""
        if key not in self.loaders:
            self.loaders[key] = DataLoader(batch)
        return self.loaders[key]

    def once(self, key: Hashable, prepare: Callable[[], T]) -> T:
        """Return the result of `prepare`, called once a request for all parents of a field."""
        if key not in self.prepared:
            self.prepared[key] = prepare()
        made: T = self.prepared[key]
        return made

    async def one(self, model: type[Entity], id: UUID, past: Past | None = None) -> Row | None:
        """Return the row, in the past if given, or None when the viewer may not read it."""
        loader = self.loader((model, past), partial(self._rows_by_id, model, past=past))
        row: Row | None = await loader.load(id)
        return row

    async def deleted(self, model: type[Entity], id: UUID) -> Row | None:
        """Return the deleted row, or None when the viewer might not have read it."""
        loader = self.loader((model, "deleted"), partial(self._rows_by_id, model, deleted=True))
        row: Row | None = await loader.load(id)
        return row

    async def get(self, model: type[Entity], id: UUID, past: Past | None = None) -> Row:
        """Return the row. Raises NOT_FOUND."""
        if row := await self.one(model, id, past):
            return row
        raise missing(model)

    async def get_then(
        self, model: type[Entity], id: UUID, at_version: int | None, as_of: datetime | None
    ) -> Row:
        """Return the row at this version or time, else as it is now. Raises NOT_FOUND."""
        if at_version is None and as_of is None:
            return await self.get(model, id)
        if at_version is not None and as_of is not None:
            raise Problem("INVALID", "Give a version or a time, not both.", field=["asOf"])
        if at_version is not None:
            return await self._at_version(model, id, at_version)
        assert as_of is not None  # noqa: S101 (one of them is)
        if row := await self.one(model, id, await self.session.moment(as_of)):
            return row
        raise missing(model, ["asOf"])

    async def state(self, id: UUID, of: Callable[["Context", UUID], Awaitable[Past]]) -> Past:
        """Return the state that a change set proposes, computed once a request."""
        found: Past = await self.once(("state", id), lambda: asyncio.ensure_future(of(self, id)))
        return found

    async def _at_version(self, model: type[Entity], id: UUID, version: int) -> Row:
        """Return the row at this version. Raises NOT_FOUND.

        A viewer who may not read the row has the same error whether it had the version, was another
        row, or does not exist.
        """
        if version < 1:
            raise Problem("INVALID", "Must be at least 1.", field=["atVersion"])
        moment = await self.session.moment_of(model, id, version)
        if row := await self.one(model, id, moment):
            if moment is not None:
                return row
            message = f"There is no such version of this {model.__name__}."
            raise Problem("NOT_FOUND", message, field=["atVersion"])
        raise missing(model, ["atVersion"])

    async def at_version(self, model: type[Entity], version: Version) -> Row | None:
        """Return the row at a version, or None when the viewer may not read it; batched."""
        loader = self.loader((model, "versions"), partial(self._rows_at_versions, model))
        row: Row | None = await loader.load(version)  # type: ignore[arg-type]
        if row is None:
            moment = None
            with suppress(Problem):  # the events are in an archive
                moment = await self.session.moment_of(model, version.id, version.number)
            row = await self.one(model, version.id, moment) if moment else None
        return row

    async def _rows_at_versions(
        self, model: type[Entity], versions: list[Version]
    ) -> list[Row | None]:
        found = await self.session.at_versions(model, versions)
        return [found.get((version.id, version.number)) for version in versions]

    def past_of(self, row: Any) -> Past | None:
        """Return the past in which a row was read, for rows beneath it; None for the present."""
        return self.session.past_of(row)

    async def get_by(self, model: type[Entity], column: str, value: object) -> Row:
        """Return the row with this value in a unique column. Raises NOT_FOUND."""
        if rows := await self.session.rows(model, getattr(model, column) == value, limit=1):
            return rows[0]
        raise missing(model)

    async def nodes(self, ids: Sequence[UUID], among: Sequence[type[Entity]]) -> list[Row | None]:
        """Return the rows with these IDs, of any of these models; at most two statements each."""
        if len(ids) > MAX_PAGE_SIZE:
            raise Problem("INVALID", f"At most {MAX_PAGE_SIZE} ids.", field=["ids"])
        loader = self.loader(("models", *among), partial(self._models_of, among))
        models: list[type[Entity] | None] = await loader.load_many(ids)
        return await asyncio.gather(
            *(
                self.one(model, id) if model else _nothing()
                for model, id in zip(models, ids, strict=True)
            )
        )

    async def node(self, id: UUID, among: Sequence[type[Entity]]) -> Row:
        """Return the row with this ID, of any of these models. Raises NOT_FOUND."""
        (row,) = await self.nodes([id], among)
        if row is None:
            raise Problem("NOT_FOUND", "No object has this ID.")
        return row

    def become(self, viewer: Viewer) -> None:
        """Replace the viewer by one with grants that were just given."""
        self.session.viewer = viewer
        self.forget()

    def forget(self) -> None:
        """Drop rows that were read before a write, as they may be outdated."""
        self.loaders.clear()

    def end(self) -> None:
        """Release the loaders of an operation, which refer to the context that has them."""
        self.loaders.clear()
        self.prepared.clear()

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
    """Return None, in place of a row that no model has."""


Info = strawberry.Info[Context, None]
