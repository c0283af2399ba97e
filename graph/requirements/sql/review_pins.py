"""The present content of reviewable objects, as text that is equal while the content is."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from auth.session import Transaction, ViewerSession
from auth.session.product_query import CONTENT_VERSION, existing, readable
from db.base import Entity
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement

Pins = dict[UUID, str]
IDS = bindparam("ids", type_=ARRAY(Uuid))


async def existing_pins(transaction: Transaction, model: type[Entity], ids: Sequence[UUID]) -> Pins:
    """Return the pins of these rows, whether or not the viewer may read all that is in them."""
    if not ids:
        return {}
    rows = await transaction.rules(_statement(model, existing), {"ids": list(ids)})
    return {row.id: row.pin for row in rows}


async def readable_pins(session: ViewerSession, model: type[Entity], ids: Sequence[UUID]) -> Pins:
    """Return the pins of the rows among these that the viewer may read."""
    found: Any = await session.query(_statement(model, readable), {"ids": list(ids)})
    return {row["id"]: row["pin"] for row in found}


@cache
def _statement(model: type[Entity], rows_of: Callable[..., Any]) -> Select[Any]:
    if model is Document:
        return _documents(rows_of)
    if model is Requirement:
        rows = rows_of(model, "id", CONTENT_VERSION)
        pin: Any = cast(rows.c[CONTENT_VERSION], Text)
    elif model is ChangeSet:
        rows = rows_of(model, "id", "version")
        pin = cast(rows.c.version, Text)
    elif model is Baseline:
        rows = rows_of(model, "id", "content_hash")
        pin = func.encode(rows.c.content_hash, "hex")
    else:
        raise TypeError(f"{model.__name__} cannot be reviewed.")
    return select(rows.c.id, pin.label("pin")).where(rows.c.id == any_(IDS))


def _documents(rows_of: Callable[..., Any]) -> Select[Any]:
    """Return the digest of the content versions of a document and of all that is in it."""
    document = rows_of(Document, "id", CONTENT_VERSION)
    arms = [
        select(document.c.id.label("document"), document.c.id, document.c[CONTENT_VERSION]).where(
            document.c.id == any_(IDS)
        )
    ]
    for model in (Block, Requirement):
        rows = rows_of(model, "id", "document_id", CONTENT_VERSION)
        arms.append(
            select(rows.c.document_id.label("document"), rows.c.id, rows.c[CONTENT_VERSION]).where(
                rows.c.document_id == any_(IDS)
            )
        )
    parts = union_all(*arms).subquery("parts")
    line = func.concat(cast(parts.c.id, Text), ":", cast(parts.c[CONTENT_VERSION], Text))
    between: Any = aggregate_order_by(literal_column("','"), parts.c.id)
    lines = func.string_agg(line, between)
    digest = func.encode(func.sha256(func.convert_to(lines, "UTF8")), "hex")
    return select(parts.c.document.label("id"), digest.label("pin")).group_by(parts.c.document)
