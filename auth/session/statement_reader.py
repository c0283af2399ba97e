"""Run statements in a viewer's context, and count the bytes and rows they read."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from sqlalchemy import Select

from auth.policy import grant_lists, parameters, require_signed_in, require_token_scope
from auth.session.compiled import compiled
from auth.session.row import STATEMENTS, Row, row_class
from auth.session.select import Select as Read
from auth.session.shared_reads import MAX_IDS, NotShared, SharedReads
from auth.session.write.request_transaction import RequestTransaction
from auth.viewer import Viewer
from db.base import Base
from db.metering import TooMuchRead
from db.pool import Database, bytes_received


class StatementReader:
    """The statements of a viewer's session: on a connection each, or on that of `once`."""

    def __init__(self, database: Database, viewer: Viewer) -> None:
        self.database, self.viewer = database, viewer
        self.statements = self.rows_read = self.bytes_read = 0
        self.most_bytes: float = 0
        """Bytes that the rows read took at most: of a shared statement, those of all its rows."""
        self._joined: RequestTransaction | None = None

    async def fetch(self, read: Read, values: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a plan's read, with its outputs in their places.

        `values` are by the names of its parameters. Rows beneath parents come in the order of
        these.
        """
        grants = grant_lists(self.viewer)
        for model in read.models:
            require_token_scope(self.viewer, "read", model)
        if read.parents is not None and not values["parents"]:
            return []
        form = compiled(read, grants)
        rows = await self._send(
            form.text,
            form.arguments(grants, values),
            row_class(read.model),
            planned_once=form.planned_once,
        )
        self.rows_read += len(rows)
        return rows

    async def fetch_by_id(self, read: Read, ids: Sequence[str], place: int) -> list[Row]:
        """Return the rows with these IDs, like `fetch`, by a statement that others may share.

        `place` is that of the ID among the outputs of the read, as text.
        """
        if self._joined or len(ids) > MAX_IDS:
            return await self.fetch(read, {"parents": ids})
        shared = self.viewer.derived(SharedReads)
        if shared.begin(self.database, read, place):
            try:
                return await self.fetch(read, {"parents": ids})
            finally:
                shared.end(self.database, read)
        for model in read.models:
            require_token_scope(self.viewer, "read", model)
        try:
            share = await shared.join(self.database, read, ids)
        except NotShared:
            return await self.fetch(read, {"parents": ids})
        self.statements += 1
        self.rows_read += len(share.rows)
        self._count(share.received)
        self.most_bytes += share.whole - share.received
        return share.rows

    async def _fetch_one(self, statement: str, *arguments: object) -> Any:
        require_signed_in(self.viewer)
        (row,) = await self._send(statement, arguments)
        return row

    async def _fetch(
        self,
        model: type[Base],
        statement: Select[*tuple[Any, ...]],
        viewer: Viewer | None = None,
        /,
        **values: object,
    ) -> list[Row]:
        require_signed_in(self.viewer)
        text, arguments = STATEMENTS.ready(statement, parameters(viewer or self.viewer) | values)
        class_ = row_class(model, past="past" in values)
        rows: list[Row] = await self._send(text, arguments, class_)
        self.rows_read += len(rows)
        return rows

    async def _send(
        self,
        text: str,
        arguments: Sequence[object],
        class_: type[Row] | None = None,
        *,
        planned_once: bool = False,
    ) -> list[Any]:
        self.statements += 1
        if self._joined:
            self.most_bytes = inf
            return await self._joined.fetch(self.viewer.context, text, arguments, class_)
        pool, context = self.database.app, self.viewer.context
        async with pool.lend(context, self, planned_once=planned_once) as connection:
            rows = await connection.fetch(text, *arguments, record_class=class_)
            self._count(bytes_received(connection))
            return rows

    def _count(self, received: int) -> None:
        """Add to the bytes that were read; raise QUERY_TOO_COMPLEX when they exceed the maximum."""
        self.bytes_read += received
        self.most_bytes += received
        maximum = self.database.largest_read
        if maximum is not None and self.bytes_read > maximum:
            raise TooMuchRead(maximum).problem
