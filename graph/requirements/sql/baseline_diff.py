"""The SQL that compares baselines with each other and with the current rows, and verifies them."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import parts, readable
from db.base import BOOKKEEPING
from db.change import AuditLog
from db.requirements.baselines import FROZEN, Baseline, BaselineItem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase
from graph.requirements.sql.baseline_contents import (
    COLUMNS,
    PARENT,
    contents,
    digest,
    digest_of_all,
)

PLACE = frozenset({"organization_id"}.union(*(model.place_keys() for model in FROZEN)))
"""Columns of the place of a row: when they differ it has moved, not changed."""

NAMED: tuple[Any, ...] = (Document, Block, Requirement, TestCase)
"""The models that links and executions of tests join."""

BASELINES = any_(bindparam("baselines", type_=ARRAY(Uuid)))
IDS = any_(bindparam("ids", type_=ARRAY(Uuid)))


class Comparison:
    """Baselines that the viewer can read. Every method runs one statement."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session

    async def differences(
        self, baselines: Collection[UUID], other: UUID | None, *, whole_project: bool
    ) -> dict[UUID, list[Record]]:
        """Return by baseline the rows that may differ in `other`, or in the current state.

        Rows hold `was` and `is` (whether the item exists before and after), `changed` (whether
        columns other than its place differ), and both places. A block with any new position has all
        of its rows, so that their orders can be compared.
        """
        after = self._after(other, whole_project=whole_project)
        statement = _differences(self._before(), after)
        rows = await self._session.query(statement, _given(baselines, other))
        found: dict[UUID, list[Record]] = defaultdict(list)
        for row in rows:
            found[row["baseline_id"]].append(row)
        return found

    async def both_sides(
        self,
        baselines: Collection[UUID],
        other: UUID | None,
        ids: Collection[UUID],
        *,
        whole_project: bool,
    ) -> dict[tuple[UUID, UUID], tuple[Any, Any]]:
        """Return the data before and after, by baseline and entity; None if there is none."""
        after = self._after(other, whole_project=whole_project)
        sides = [
            select(
                side.c.baseline_id,
                side.c.entity_id,
                side.c.data,
                literal_column(number).label("side"),
            ).where(side.c.entity_id == IDS)
            for number, side in (("0", self._before()), ("1", after))
        ]
        values = {**_given(baselines, other), "ids": list(ids)}
        rows = await self._session.query(union_all(*sides), values)
        found: dict[tuple[UUID, UUID], list[Any]] = defaultdict(lambda: [None, None])
        for row in rows:
            found[row["baseline_id"], row["entity_id"]][row["side"]] = row["data"]
        return {key: (before, after) for key, (before, after) in found.items()}

    async def names(
        self, baselines: Collection[UUID], ids: Collection[UUID]
    ) -> dict[UUID, dict[UUID | None, str]]:
        """Return the names of these entities: in each of the baselines, and (None) now."""
        items = readable(BaselineItem)
        frozen = select(
            items.c.id.label("entity_id"),
            items.c.baseline_id.label("baseline_id"),
            func.coalesce(items.c.data["name"].astext, items.c.data["title"].astext).label("name"),
        ).where(
            items.c.baseline_id == BASELINES,
            items.c.entity_type == any_(bindparam("types", type_=ARRAY(Text))),
            items.c.id == IDS,
        )
        now = (
            select(rows.c.id, cast(null(), Uuid), rows.c[model.traits.named_by]).where(
                rows.c.id == IDS
            )
            for model, rows in ((model, readable(model)) for model in NAMED)
        )
        values = {
            "baselines": list(baselines),
            "ids": list(ids),
            "types": [model.__name__ for model in NAMED],
        }
        rows = await self._session.query(union_all(frozen, *now), values)
        found: dict[UUID, dict[UUID | None, str]] = defaultdict(dict)
        for row in rows:
            found[row["entity_id"]][row["baseline_id"]] = row["name"]
        return found

    async def canonical(
        self, baselines: Collection[UUID], ids: Collection[UUID]
    ) -> dict[tuple[UUID, UUID], str]:
        """Return the data of these items as the text that is hashed, by baseline and entity."""
        items = readable(BaselineItem)
        statement = select(
            items.c.baseline_id, items.c.id, cast(items.c.data, Text).label("text")
        ).where(items.c.baseline_id == BASELINES, items.c.id == IDS)
        values = {"baselines": list(baselines), "ids": list(ids)}
        rows = await self._session.query(statement, values)
        return {(row["baseline_id"], row["id"]): row["text"] for row in rows}

    async def verified(self, ids: Collection[UUID]) -> dict[UUID, bool]:
        """Return whether the items of each baseline still have the hashes of its creation.

        The hashes are computed again over all items, and compared with the audit event of the
        baseline's creation as well, where the viewer can read it.
        """
        baselines, items, events = readable(Baseline), parts(BaselineItem), readable(AuditLog)
        document = case((items.c.entity_type == "Document", "id"), else_="document_id")
        parent = case(
            *((items.c.entity_type == model.__name__, key) for model, key in PARENT.items())
        )

        def says(column: ColumnElement[Any], key: Any) -> ColumnElement[bool]:
            return cast(column, Text).is_not_distinct_from(items.c.data[key].astext)

        sound = and_(
            items.c.content_hash == digest(items.c.data),
            says(items.c.id, "id"),
            says(items.c.version, "version"),
            says(items.c.document_id, document),
            says(items.c.parent_id, parent),
            items.c.position.is_not_distinct_from(cast(items.c.data["position"].astext, Double)),
        )
        all_items = (
            select(func.coalesce(func.bool_and(sound), True), digest_of_all(items, items.c.id))
            .where(items.c.baseline_id == baselines.c.id)
            .lateral("all_items")
        )
        contradicted = select(events.c.id).where(
            events.c.entity_id == baselines.c.id,
            events.c.version == 1,
            events.c.new_data["content_hash"].astext
            != func.concat(r"\x", func.encode(baselines.c.content_hash, "hex")),
        )
        whole, hash_ = all_items.c
        is_verified = and_(whole, hash_ == baselines.c.content_hash, ~contradicted.exists())
        statement = (
            select(baselines.c.id, is_verified.label("verified"))
            .select_from(baselines.join(all_items, true()))
            .where(baselines.c.id == BASELINES)
        )
        rows = await self._session.query(statement, {"baselines": list(ids)})
        return {row["id"]: row["verified"] for row in rows}

    def _before(self) -> FromClause:
        items = readable(BaselineItem)
        return select(*_columns(items)).where(items.c.baseline_id == BASELINES).subquery("before")

    def _after(self, other: UUID | None, *, whole_project: bool) -> FromClause:
        baselines = readable(Baseline)
        chosen = baselines.c.id == BASELINES
        if other is None:
            columns = baselines.c.project_id, baselines.c.document_id
            at = select(baselines.c.id.label("baseline_id"), *columns).where(chosen)
            now = contents(at.cte("place"), readable, whole_project=whole_project)
            return select(now, digest(now.c.data).label("content_hash")).subquery("after")
        items = readable(BaselineItem)
        frozen = [column for column in _columns(items) if column.key != "baseline_id"]
        return (
            select(baselines.c.id.label("baseline_id"), *frozen)
            .where(chosen, items.c.baseline_id == bindparam("other", type_=Uuid))
            .subquery("after")
        )


def _columns(items: FromClause) -> list[ColumnElement[Any]]:
    """Return the columns of frozen items, by the names that `contents` gives them."""
    names = {"entity_id": "id"}
    return [items.c[names.get(name, name)].label(name) for name in (*COLUMNS, "content_hash")]


def _given(baselines: Collection[UUID], other: UUID | None) -> dict[str, Any]:
    return {"baselines": list(baselines)} | ({"other": other} if other else {})


def _differences(before: FromClause, after: FromClause) -> Select[Any]:
    """Return the full join of both sides. Hashes are compared, so that few rows' data is read."""
    keys = ("baseline_id", "entity_type", "entity_id")
    both = and_(*(before.c[key] == after.c[key] for key in keys))
    places = ("document_id", "parent_id", "position")
    content: ColumnElement[Any] = literal_column(
        f"'{{{','.join(sorted(BOOKKEEPING | PLACE))}}}'::text[]"
    )
    differs = before.c.content_hash.is_distinct_from(after.c.content_hash)
    is_both = and_(before.c.entity_id.is_not(None), after.c.entity_id.is_not(None))
    joined = (
        select(
            *(func.coalesce(before.c[key], after.c[key]).label(key) for key in keys),
            before.c.entity_id.is_not(None).label("was"),
            after.c.entity_id.is_not(None).label("is"),
            *(before.c[place].label(f"old_{place}") for place in places),
            *(after.c[place].label(f"new_{place}") for place in places),
            differs.label("differs"),
            and_(is_both, before.c.position.is_distinct_from(after.c.position)).label("shifted"),
            case(
                (
                    and_(is_both, differs),
                    before.c.data.op("-")(content).is_distinct_from(after.c.data.op("-")(content)),
                ),
                else_=False,
            ).label("changed"),
        )
        .select_from(before.outerjoin(after, both, full=True))
        .cte("joined")
        .prefix_with("MATERIALIZED")  # its data need not be sorted with it
    )
    document = case((joined.c.entity_type == "Document", None), else_=joined.c.new_document_id)
    block = (joined.c.baseline_id, joined.c.entity_type, document, joined.c.new_parent_id)
    reordered = func.bool_or(joined.c.shifted).over(partition_by=block).label("reordered")
    found = select(joined, reordered).subquery("found")
    return select(found).where(or_(found.c.differs, found.c.reordered))
