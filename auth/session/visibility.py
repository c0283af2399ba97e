"""The rows that exist for a viewer: permitted, not deleted, and beneath nothing that is deleted."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Uuid,
    any_,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from auth.policy import live, permitted
from auth.session.ancestry import SCOPE_MODELS, nests, parents
from db.base import SCOPES, Entity, Part, Readable

PARENTS = bindparam("parents", type_=ARRAY(Uuid))
TENANTS = bindparam("tenants", type_=ARRAY(Uuid))
ORGANIZATION, _, DOCUMENT = SCOPES


@cache
def not_hidden(
    model: type[Entity], but: type[Entity] | None = None, beneath: str | None = None
) -> tuple[ColumnElement[bool], ...]:
    """Return the criteria of rows with no deleted ancestor, `but` perhaps one of this model.

    Where the statement compares the column `beneath` with `parents`, they read only the deleted
    rows in the documents of these. Built once a model: that takes milliseconds.
    """
    return tuple(not_hidden_in(model, model.__table__.c, but, beneath))


def not_hidden_in(
    model: type[Entity],
    columns: Any,
    but: type[Entity] | None = None,
    beneath: str | None = None,
    of: Readable | None = None,
    known: Collection[str] = (),
) -> Iterator[ColumnElement[bool]]:
    """Yield the same criteria in these columns: those of the model's table, or of an alias of it.

    Each compares with a set of ids that PostgreSQL reads once a statement, and not with a join: it
    would evaluate a join for every row before it sorts or stops at a limit. `of` is the model that
    has the column `beneath`, if not this one. Keys that are `known` lead to nothing deleted.
    """
    for key, scope in SCOPE_MODELS.items():
        if hasattr(model, key) and scope is not but and key not in known:
            deleted = select(scope.id).where(scope.deleted_at.is_not(None), _ours(scope))
            yield _is_not_among(columns[key], deleted)
    for key, parent in parents(model).items():
        if key in known:
            continue
        gone = _gone(parent, of or model, beneath)
        yield _is_not_among(columns[key], select(gone.c.id))


def _ours(model: type[Entity]) -> ColumnElement[bool]:
    """Return the criterion of the viewer's tenants: the indexes of deleted rows begin with them."""
    tenant: Any = getattr(model, ORGANIZATION, None)
    ours: ColumnElement[bool] = (model.id if tenant is None else tenant) == any_(TENANTS)
    return ours


def _is_not_among(column: Any, ids: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that the column holds none of these ids.

    PostgreSQL cannot estimate how many ids there are. From the elements of an array it always
    builds a hash table; a plain sub-select it might scan for every row.
    """
    array = func.array(ids.correlate(None).scalar_subquery(), type_=ARRAY(Uuid))
    absent: ColumnElement[bool] = column.not_in(select(func.unnest(array)).correlate(None))
    return absent.is_not(False) if column.nullable else absent


def _gone(model: type[Entity], of: Readable, beneath: str | None) -> CTE:
    """Return the deleted rows and all rows of the model beneath them, from the top down.

    They are those in the documents of rows of the model `of` whose column `beneath` is one of
    `parents`; of all documents where it is None, or the models have no documents.
    """
    if beneath is None or not (hasattr(model, DOCUMENT) and hasattr(of, DOCUMENT)):
        return _deleted(model, None, None)
    if beneath == DOCUMENT:
        return _deleted(model, None, DOCUMENT)
    if not issubclass(of, Part) and parents(of).get(beneath) is model:
        return _deleted(model, model, "id")
    return _deleted(model, of, beneath)


@cache
def _deleted(model: type[Entity], of: Any, beneath: str | None) -> CTE:
    """Return one CTE for equal arguments, so that a statement over several models reads it once."""
    document: Any = getattr(model, DOCUMENT, None)
    name, within = f"gone_{model.__tablename__}", _ours(model)
    if beneath is not None and of is None:
        name, within = f"{name}_in", document == any_(PARENTS)
    elif beneath is not None:
        # Documents are named by the rows beneath the parents, or are themselves beneath them.
        source: Any = SCOPE_MODELS[DOCUMENT] if beneath in SCOPES else of
        key = source.id if beneath in SCOPES else source.document_id
        documents = select(key).where(getattr(source, beneath) == any_(PARENTS))
        array = func.array(documents.correlate(None).scalar_subquery(), type_=ARRAY(Uuid))
        name = f"{name}_by_{source.__tablename__}_{beneath}"
        within = document == any_(array)
    gone = select(model.id).where(model.deleted_at.is_not(None), within)
    key = nests(model)
    if key is None:
        return gone.cte(name)
    found = gone.cte(name, recursive=True)
    nested = aliased(model)
    # The offset has them found by index, one row after another: nearly always there are few.
    below = select(nested.id).where(getattr(nested, key) == found.c.id).offset(literal_column("0"))
    each = below.lateral("below")
    return found.union(select(each.c.id).select_from(found.join(each, true())))


@cache
def readable_criteria(
    model: Readable, *, deleted: bool | None = False, beneath: str | None = None
) -> tuple[ColumnElement[bool], ...]:
    """Return the criteria of every read, built once; `auth.policy.parameters` supplies the values.

    `deleted` as None includes deleted rows, and rows beneath them. `beneath` is the column that the
    statement compares with `parents`, if it does.
    """
    if issubclass(model, Part):
        # Of an id: requests may not read every column of each table, as `*` would.
        whole = select(model.whole.id).where(
            model.whole.id == getattr(model, model.whole_key), *readable_criteria(model.whole)
        )
        return permitted("read", model), whole.correlate(model.__table__).exists()
    if deleted is None:
        return (permitted("read", model),)
    return (
        ~live(model) if deleted else live(model),
        *not_hidden(model, beneath=beneath),
        permitted("read", model),
    )
