"""The recorded changes that the application of a change set made."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, Uuid, bindparam, select

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.change import AuditLog

COLUMNS = ("entity_id", "version", "old_data", "details")


async def events_of(
    session: ViewerSession, change_set: Any
) -> Mapping[UUID, Sequence[Mapping[str, Any]]]:
    """Return the changes of objects by the transaction that closed a change set, oldest first.

    Nothing changes a change set after it was closed, so its version is that of the transaction.
    """
    values = {"closed_id": change_set.id, "closed_version": change_set.version}
    rows: Any = await session.query(_statement(), values)
    return {id: [*events] for id, events in groupby(rows, lambda row: row["entity_id"])}


@cache
def _statement() -> Select[*tuple[Any, ...]]:
    event = readable(AuditLog).alias("event")
    closing = readable(AuditLog)
    transaction = select(closing.c.xid).where(
        closing.c.entity_id == bindparam("closed_id", type_=Uuid),
        closing.c.version == bindparam("closed_version", type_=BigInteger),
    )
    return (
        select(*(event.c[name] for name in COLUMNS))
        .where(event.c.xid == transaction.scalar_subquery())
        .order_by(event.c.entity_id, event.c.version)
    )
