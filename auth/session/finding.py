"""What a transaction reads: rows to be changed, and what others have changed in them since."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from auth.policy import live, parameters, require_token_scope
from auth.session.check import RENUMBERED
from auth.session.looking import changes_after, last_beneath
from auth.session.merge import Change
from auth.session.refusal import forbidden, missing
from auth.session.visible import unhidden, visible
from auth.viewer import Viewer
from db.base import Entity, InOrganization
from db.problem import Problem

E = TypeVar("E", bound=Entity)


@cache
def _readable(model: type[E], *, deleted: bool | None, lock: bool) -> Select[Any]:
    """The readable rows of a model; who adds nothing to it has it compiled without another look."""
    statement = (
        select(model)
        .where(*visible(model, deleted=deleted))
        .execution_options(of_transaction=True, populate_existing=lock)
    )
    return statement.with_for_update(of=model, key_share=True) if lock else statement


@cache
def _among(model: type[E], key: str, *, deleted: bool | None, lock: bool) -> Select[Any]:
    """Those of them whose `key` is one of the `ids`."""
    wanted = getattr(model, key) == any_(bindparam("ids", type_=ARRAY(Uuid)))
    return _readable(model, deleted=deleted, lock=lock).where(wanted).order_by(model.id)


class Finder:
    """Rows that a viewer may read, as the ORM's, in one transaction."""

    def __init__(self, orm: AsyncSession, viewer: Viewer) -> None:
        self._orm, self.viewer = orm, viewer

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
        """The row, locked until the end of the transaction; NOT_FOUND, or FORBIDDEN to lock it.

        `field` is where the client named it, `to_create` what is to be made beneath it. Row level
        security hides from a lock what may be read but never changed, such as the public project of
        another tenant.
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
        """Readable rows, locked in the order of their ids so that writers cannot deadlock.

        With `deleted`, those that were deleted instead of the live ones; None asks for both.
        A locked row is read anew: it may have changed since it was read without a lock. Keys stay,
        so that rows which refer to it can be written meanwhile.

        A token needs the scope to read them; or, of rows beneath which some of another model are
        `to_create`, to create those: who may write documents need not see projects.
        """
        statement = _readable(model, deleted=deleted, lock=lock).where(*where)
        statement = statement.order_by(*(order or (model.id,))).limit(limit)
        return await self._found(model, statement, to_create)

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
        """Readable rows among these ids, locked unless said; or those whose `key` is among them.

        No ids are no statement.
        """
        if not ids:
            return {}
        statement = _among(model, key, deleted=deleted, lock=lock)
        found = await self._found(model, statement, to_create, ids=list(ids))
        return {row.id: row for row in found}

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
        """Columns of readable rows, in tuples that are cheaper than rows; nothing is locked.

        `tell_shown` adds whether the row is neither deleted nor beneath what is.
        """
        require_token_scope(self.viewer, "read", model)
        told = [getattr(model, column) for column in columns]
        if tell_shown:
            told.append(and_(live(model), *unhidden(model)))
        statement = (
            select(*told)
            .where(*visible(model, deleted=deleted), *where)
            .order_by(*order)
            .limit(limit)
            .execution_options(of_transaction=True)
        )
        return list(await self._orm.execute(statement, parameters(self.viewer)))

    async def why_not_found(
        self,
        model: type[Entity],
        ids: Collection[UUID],
        *,
        to_create: type[Entity] | None = None,
    ) -> dict[UUID, Problem]:
        """What to say of ids whose rows no lock has found: NOT_FOUND, or FORBIDDEN to lock them."""
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
        """Those among the ids whose rows may be read, but which nobody here may lock.

        Within a tenant, every row that may be read can be locked; so only who sees people, or
        public projects of other tenants, needs a statement to know. A row of one's own tenant that
        is there now was not when it was to be locked: it has just been restored.
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
        """The greatest value of a column in the readable rows beneath each parent that has any."""
        require_token_scope(self.viewer, "read", model)
        statement = last_beneath(model, column, key, parents)
        found = await self._orm.execute(statement, parameters(self.viewer))
        return {id: value for id, value in found if value is not None}

    def unsent(self) -> AbstractContextManager[Any]:
        """Within this block, what is read does not first send what is pending."""
        block: AbstractContextManager[Any] = self._orm.no_autoflush
        return block

    async def _found(
        self,
        model: type[E],
        statement: Select[Any],
        to_create: type[Entity] | None,
        **values: object,
    ) -> list[E]:
        require_token_scope(self.viewer, "create" if to_create else "read", to_create or model)
        return list(await self._orm.scalars(statement, parameters(self.viewer) | values))

    async def changes_since(self, seen: Iterable[tuple[Entity, int]]) -> dict[UUID, list[Change]]:
        """What is recorded of rows after the version seen of each, oldest first, by the row's id.

        One statement, or none where every row is at the version that the client has seen.
        """
        behind = {row.id: version for row, version in seen if 0 < version < row.version}
        if not behind:
            return {}
        found: dict[UUID, list[Change]] = {id: [] for id in behind}
        for id, number, old, actor, at, details in await self._orm.execute(changes_after(behind)):
            found[id].append(Change(number, old or {}, actor, at, RENUMBERED in details))
        return found
