"""The reads of a transaction: rows to be changed, and changes of others in them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.functions import Function

from auth.policy import grant_lists, live, parameters, require_token_scope
from auth.session.compiled import compiled
from auth.session.row import STATEMENTS, columns_of
from auth.session.select import Select as Read
from auth.session.select import outputs_of
from auth.session.visibility import not_hidden, readable_criteria
from auth.session.write.authorize_write import RENUMBERED
from auth.session.write.bulk_lookup import changes_after, first_beneath, last_beneath
from auth.session.write.db_errors import forbidden, missing
from auth.session.write.merge import Change
from auth.session.write.rights import Rights
from auth.session.write.unit_of_work import UnitOfWork
from auth.viewer import Viewer
from db.base import Entity, InOrganization
from db.problem import Problem

E = TypeVar("E", bound=Entity)


@cache
def _by_key(model: type[Entity], key: str, *, lock: bool) -> Read:
    """Return the read of the rows that are not deleted and whose `key` is one of `parents`."""
    order: tuple[ColumnElement[Any], ...] = (model.__table__.c.id,)
    return Read(model, outputs_of(model), parents=key, order=order, locked=lock)


@cache
def _readable(model: type[E], *, deleted: bool | None, lock: bool) -> Select[Any]:
    """Return the readable rows of a model; cached, unless criteria are added."""
    statement = select(*columns_of(model)).where(*readable_criteria(model, deleted=deleted))
    if not lock:
        return statement
    return statement.with_for_update(of=model.__table__, key_share=True)


@cache
def _among(model: type[E], key: str, *, deleted: bool | None, lock: bool) -> Select[Any]:
    """Return those of them whose `key` is one of the `ids`."""
    wanted = getattr(model, key) == any_(bindparam("ids", type_=ARRAY(Uuid)))
    return _readable(model, deleted=deleted, lock=lock).where(wanted).order_by(model.id)


def require_own(function: Function[Any]) -> Function[Any]:
    """Return the function. Raises TypeError for one that is not the gateway's own (`ctx`)."""
    if function.packagenames != ("ctx",):
        raise TypeError(f"{function.name} is no function of the gateway's.")
    return function


class LockingReader(ABC):
    """Rows that a viewer may read, as instances of their models, in one transaction."""

    def __init__(self, work: UnitOfWork, viewer: Viewer) -> None:
        self._work, self.viewer, self.rights = work, viewer, Rights(viewer)

    @abstractmethod
    async def flush(self, *, last: bool = False) -> None:
        """Send pending rows."""

    async def find(
        self,
        model: type[E],
        id: UUID,
        *,
        deleted: bool = False,
        lock: bool = True,
        field: Sequence[str] = (),
        to_create: type[Entity] | None = None,
    ) -> E:
        """Return the row, locked until the end of the transaction.

        Raises NOT_FOUND, or FORBIDDEN when it may not be locked. `field` is where the client named
        it, `to_create` the model to be created beneath it. Row level security hides from a lock
        rows that may be read but never changed, such as the public project of another tenant.
        """
        found = await self.find_by_id(model, [id], deleted=deleted, lock=lock, to_create=to_create)
        if found:
            return found[id]
        if lock and await self._unlockable(model, [id], deleted=deleted, to_create=to_create):
            raise forbidden(model)
        raise missing(model, field)

    async def find_all(
        self,
        model: type[E],
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        deleted: bool | None = False,
        limit: int | None = None,
        lock: bool = True,
        to_create: type[Entity] | None = None,
    ) -> list[E]:
        """Return readable rows, locked in the order of their ids so that writers cannot deadlock.

        With `deleted`, those that were deleted instead of the live ones; None asks for both. A
        locked row is read anew: it may have changed since it was read without a lock. Keys stay, so
        that rows which refer to it can be written meanwhile.

        A token needs the scope to read them; or, of rows beneath which some of another model are
        `to_create`, to create those: who may write documents need not see projects.
        """
        statement = _readable(model, deleted=deleted, lock=lock).where(*where)
        statement = statement.order_by(*(order or (model.id,))).limit(limit)
        self._require_scope(model, to_create)
        return self._seen(model, await self._raw(statement), lock=lock)

    async def lock_all(self, model: type[E], *where: ColumnElement[bool]) -> None:
        """Lock readable rows as `find_all` does, without reading more of them than their ids."""
        self._require_scope(model, None)
        statement = _readable(model, deleted=False, lock=True).with_only_columns(model.id)
        await self._raw(statement.where(*where).order_by(model.id))

    async def run_deferred(self, seconds: float) -> None:
        """Run what is deferred to the commit: of many rows, it takes longer than a statement may.

        To be called when little is left to be written. Raises the errors of a commit.
        """
        await self.flush()
        await self._work.run_deferred(seconds)

    def release(self, rows: Iterable[Entity]) -> None:
        """Forget rows in which nothing is pending, so that reading many takes little memory.

        A row that is read again is another object.
        """
        self._work.release(rows)

    async def find_by_id(
        self,
        model: type[E],
        ids: Collection[UUID],
        *,
        deleted: bool | None = False,
        lock: bool = True,
        key: str = "id",
        to_create: type[Entity] | None = None,
    ) -> dict[UUID, E]:
        """Return readable rows with these ids, or whose `key` is among them; locked by default.

        No ids are no statement.
        """
        if not ids:
            return {}
        self._require_scope(model, to_create)
        if deleted is False:
            await self._flush_first()
            grants = grant_lists(self.viewer)
            form = compiled(_by_key(model, key, lock=lock), grants)
            values = form.arguments(grants, {"parents": list(ids)})
            found = await self._work.fetch(form.text, values)
        else:
            statement = _among(model, key, deleted=deleted, lock=lock)
            found = await self._raw(statement, ids=list(ids))
        return {row.id: row for row in self._seen(model, found, lock=lock)}

    async def find_and_call(
        self,
        model: type[E],
        ids: Collection[UUID],
        function: Function[Any] | None,
        *,
        lock: bool = True,
        to_create: type[Entity] | None = None,
    ) -> tuple[dict[UUID, E], Any]:
        """Return `find_by_id`, and by the same statement the result of a function of `ctx`.

        None without a function, or where no row is found.
        """
        if function is None or not ids:
            return await self.find_by_id(model, ids, lock=lock, to_create=to_create), None
        result = select(require_own(function)).scalar_subquery()  # called once for all rows
        statement = _among(model, "id", deleted=False, lock=lock).add_columns(result)
        self._require_scope(model, to_create)
        found = await self._raw(statement, ids=list(ids))
        rows = {row.id: row for row in self._seen(model, found, lock=lock)}
        return rows, found[0][-1] if found else None

    async def values(
        self,
        model: type[Entity],
        columns: Sequence[str],
        *where: ColumnElement[bool],
        order: Sequence[Any] = (),
        limit: int | None = None,
        deleted: bool | None = False,
        tell_shown: bool = False,
    ) -> list[Any]:
        """Return columns of readable rows, in tuples that are cheaper than rows; nothing is locked.

        `tell_shown` adds whether the row is neither deleted nor beneath a deleted one.
        """
        require_token_scope(self.viewer, "read", model)
        told = [getattr(model, column) for column in columns]
        if tell_shown:
            told.append(and_(live(model), *not_hidden(model)))
        statement = (
            select(*told)
            .where(*readable_criteria(model, deleted=deleted), *where)
            .order_by(*order)
            .limit(limit)
        )
        return await self._select(statement)

    async def why_not_found(
        self,
        model: type[Entity],
        ids: Collection[UUID],
        *,
        to_create: type[Entity] | None = None,
    ) -> dict[UUID, Problem]:
        """Return the error of each id that no lock has found: NOT_FOUND or FORBIDDEN."""
        seen = await self._unlockable(model, ids, to_create=to_create)
        return {id: forbidden(model) if id in seen else missing(model) for id in ids}

    async def _unlockable(
        self,
        model: type[Entity],
        ids: Collection[UUID],
        *,
        deleted: bool | None = False,
        to_create: type[Entity] | None = None,
    ) -> set[UUID]:
        """Return the ids whose rows may be read, but not locked by this viewer.

        Within a tenant, every row that may be read can be locked; so only a viewer of people, or of
        public projects of other tenants, needs a statement. A row of one's own tenant that is found
        now but not by the lock has just been restored.
        """
        if issubclass(model, InOrganization) and not self.viewer.context.projects:
            return set()
        seen = await self.find_by_id(model, ids, deleted=deleted, lock=False, to_create=to_create)
        ours = self.viewer.organizations
        return {
            id
            for id, row in seen.items()
            if not (isinstance(row, InOrganization) and row.organization_id in ours)
        }

    async def last(
        self, model: type[Entity], column: str, key: str, parents: Collection[UUID]
    ) -> dict[UUID, Any]:
        """Return the greatest value of a column in the readable rows beneath each parent."""
        require_token_scope(self.viewer, "read", model)
        statement = last_beneath(model, column, key, parents)
        found = await self._select(statement)
        return {id: value for id, value in found if value is not None}

    async def firsts(
        self,
        model: type[Entity],
        columns: Sequence[str],
        key: str,
        parents: Collection[UUID],
        *where: ColumnElement[bool],
        order: Sequence[Any],
    ) -> dict[UUID, Sequence[Any]]:
        """Return columns of the first readable row in this order beneath each parent with one."""
        require_token_scope(self.viewer, "read", model)
        statement = first_beneath(model, columns, key, parents, where, order)
        found = await self._select(statement)
        return {id: values for id, *values in found}

    def unsent(self) -> AbstractContextManager[Any]:
        """Return a context in which reads do not flush pending rows first."""
        return self._work.unsent()

    async def _select(self, statement: Select[Any], **values: object) -> list[Any]:
        await self._flush_first()
        return await self._work.select(statement, parameters(self.viewer) | values)

    async def _raw(self, statement: Select[Any], **values: object) -> list[Any]:
        """Return rows as they are sent, for the instances of a model."""
        await self._flush_first()
        ready = STATEMENTS.ready(statement, parameters(self.viewer) | values)
        return await self._work.fetch(*ready)

    async def _flush_first(self) -> None:
        if self._work.flushes_first:
            await self.flush()

    def _seen(self, model: type[E], found: Sequence[Any], *, lock: bool) -> list[E]:
        """Return the rows; a locked row has the values that were read, not those set before."""
        rows = self._work.loaded(model, found, anew=lock)
        for row in rows:
            self.rights.read(row)
        return rows

    def _require_scope(self, model: type[Entity], to_create: type[Entity] | None) -> None:
        require_token_scope(self.viewer, "create" if to_create else "read", to_create or model)

    async def changes_since(self, seen: Iterable[tuple[Entity, int]]) -> dict[UUID, list[Change]]:
        """Return the changes after the client's version of each row, by its id, oldest first.

        One statement, or none where every row is at the version that the client has seen.
        """
        behind = {row.id: version for row, version in seen if 0 < version < row.version}
        if not behind:
            return {}
        found: dict[UUID, list[Change]] = {id: [] for id in behind}
        changes = await self._select(changes_after(behind))
        for id, number, old, actor, at, details in changes:
            found[id].append(Change(number, old or {}, actor, at, RENUMBERED in details))
        return found
