"""Baselines compared with each other and with what there is now, and verified, as a viewer may."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

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
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session.frozen import COLUMNS, ITEMS, PARENT, contents, digest, digest_of_all
from auth.session.row import Row
from auth.session.visible import visible
from db.change import AuditLog
from db.requirements.baselines import Baseline, BaselineItem
from db.requirements.documents import Block, Document
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase

BOOKKEEPING = frozenset({"version", "created_at", "created_by", "updated_at", "updated_by"})
"""Columns that follow from a change and are no difference."""

PLACE = frozenset(
    {"organization_id", "project_id", "document_id", "block_id", "parent_id", "position"}
)
"""Columns that say where a row is: when they differ it has moved, and not changed."""

NAMED: tuple[Any, ...] = (Document, Block, Requirement, TestCase)
"""What links and runs of tests join."""

Fetch = Callable[..., Awaitable[list[Row]]]


class Comparison:
    """Baselines as the viewer of `fetch` may see them. Every method runs one statement."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def differences(
        self, baselines: Collection[UUID], other: UUID | None, *, whole_project: bool
    ) -> dict[UUID, list[Row]]:
        """For each baseline what may have become another in `other`, or in what there is now.

        Rows say `was` and `is` (whether it is there before, and after), `changed` (whether columns
        other than its place differ), and the places before and after. Of blocks in which something
        has another position all rows are there, so that their orders can be compared.
        """
        after = self._after(other, whole_project=whole_project)
        rows = await self._fetch(
            BaselineItem, _differences(self._before(), after), **_given(baselines, other)
        )
        found: dict[UUID, list[Row]] = defaultdict(list)
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
        """The data of these entities before and after, by baseline and entity; None for nothing."""
        after = self._after(other, whole_project=whole_project)
        wanted = any_(bindparam("ids", type_=ARRAY(Uuid)))
        sides = [
            select(side.c.baseline_id, side.c.entity_id, side.c.data, literal_column(number))
            for number, side in (("0 AS side", self._before()), ("1 AS side", after))
        ]
        chosen = [s.where(s.selected_columns.entity_id == wanted) for s in sides]
        rows = await self._fetch(
            BaselineItem, union_all(*chosen), **_given(baselines, other), ids=list(ids)
        )
        found: dict[tuple[UUID, UUID], list[Any]] = defaultdict(lambda: [None, None])
        for row in rows:
            found[row["baseline_id"], row["entity_id"]][row["side"]] = row["data"]
        return {key: (before, after) for key, (before, after) in found.items()}

    async def names(
        self, baselines: Collection[UUID], ids: Collection[UUID]
    ) -> dict[UUID, dict[UUID | None, str]]:
        """What these entities are called: in each of the baselines, and (None) now."""
        wanted = any_(bindparam("ids", type_=ARRAY(Uuid)))
        frozen = select(
            ITEMS.c.entity_id.label("entity_id"),
            ITEMS.c.baseline_id.label("baseline_id"),
            func.coalesce(ITEMS.c.data["name"].astext, ITEMS.c.data["title"].astext).label("name"),
        ).where(
            ITEMS.c.baseline_id == any_(bindparam("baselines", type_=ARRAY(Uuid))),
            ITEMS.c.entity_type == any_(bindparam("types", type_=ARRAY(Text))),
            ITEMS.c.entity_id == wanted,
            *visible(BaselineItem),
        )
        now = (
            select(
                model.id, cast(null(), Uuid), model.title if model is TestCase else model.name
            ).where(model.id == wanted, *visible(model))
            for model in NAMED
        )
        rows = await self._fetch(
            BaselineItem,
            union_all(frozen, *now),
            baselines=list(baselines),
            ids=list(ids),
            types=[model.__name__ for model in NAMED],
        )
        found: dict[UUID, dict[UUID | None, str]] = defaultdict(dict)
        for row in rows:
            found[row["entity_id"]][row["baseline_id"]] = row["name"]
        return found

    async def canonical(
        self, baselines: Collection[UUID], ids: Collection[UUID]
    ) -> dict[tuple[UUID, UUID], str]:
        """The data of these items as the text that is hashed, by baseline and entity."""
        statement = select(
            ITEMS.c.baseline_id, ITEMS.c.entity_id, cast(ITEMS.c.data, Text).label("text")
        ).where(
            ITEMS.c.baseline_id == any_(bindparam("baselines", type_=ARRAY(Uuid))),
            ITEMS.c.entity_id == any_(bindparam("ids", type_=ARRAY(Uuid))),
            *visible(BaselineItem),
        )
        rows = await self._fetch(BaselineItem, statement, baselines=list(baselines), ids=list(ids))
        return {(row["baseline_id"], row["entity_id"]): row["text"] for row in rows}

    async def verified(self, baselines: Collection[UUID]) -> dict[UUID, bool]:
        """Whether all that a baseline holds still has the hashes it was frozen with.

        They are computed anew, over all of its items, and compared with what the record of changes
        says of the baseline's creation as well, where the viewer's tenant has that record.
        """
        document = case((ITEMS.c.entity_type == "Document", "id"), else_="document_id")
        parent = case(
            *(
                (ITEMS.c.entity_type == m.__name__, PARENT[m.__tablename__])
                for m in (Block, Requirement)
            )
        )

        def says(column: ColumnElement[Any], key: Any) -> ColumnElement[bool]:
            return cast(column, Text).is_not_distinct_from(ITEMS.c.data[key].astext)

        sound = and_(
            ITEMS.c.content_hash == digest(ITEMS.c.data),
            says(ITEMS.c.entity_id, "id"),
            says(ITEMS.c.version, "version"),
            says(ITEMS.c.document_id, document),
            says(ITEMS.c.parent_id, parent),
            ITEMS.c.position.is_not_distinct_from(cast(ITEMS.c.data["position"].astext, Double)),
        )
        items = (
            select(func.coalesce(func.bool_and(sound), True), digest_of_all(ITEMS))
            .where(ITEMS.c.baseline_id == Baseline.id)
            .correlate(Baseline)
            .lateral("items")
        )
        contradicted = select(AuditLog.id).where(
            AuditLog.entity_id == Baseline.id,
            AuditLog.version == 1,
            AuditLog.new_data["content_hash"].astext
            != func.concat(r"\x", func.encode(Baseline.content_hash, "hex")),
        )
        whole, hash_ = items.c
        statement = select(
            Baseline.id,
            and_(whole, hash_ == Baseline.content_hash, ~contradicted.exists()).label("verified"),
        ).where(
            Baseline.id == any_(bindparam("baselines", type_=ARRAY(Uuid))),
            *visible(Baseline),
        )
        rows = await self._fetch(Baseline, statement, baselines=list(baselines))
        return {row["id"]: row["verified"] for row in rows}

    def _before(self) -> FromClause:
        return (
            select(*(ITEMS.c[name] for name in COLUMNS), ITEMS.c.content_hash)
            .where(
                ITEMS.c.baseline_id == any_(bindparam("baselines", type_=ARRAY(Uuid))),
                *visible(BaselineItem),
            )
            .subquery("before")
        )

    def _after(self, other: UUID | None, *, whole_project: bool) -> FromClause:
        chosen = Baseline.id == any_(bindparam("baselines", type_=ARRAY(Uuid)))
        if other is None:
            at = select(
                Baseline.id.label("baseline_id"), Baseline.project_id, Baseline.document_id
            ).where(chosen)
            now = contents(
                at.cte("place"),
                visible,
                whole_project=whole_project,
            )
            return select(now, digest(now.c.data).label("content_hash")).subquery("after")
        columns = (ITEMS.c[name] for name in (*COLUMNS, "content_hash") if name != "baseline_id")
        return (
            select(Baseline.id.label("baseline_id"), *columns)
            .where(
                chosen,
                ITEMS.c.baseline_id == bindparam("other", type_=Uuid),
                *visible(BaselineItem),
            )
            .subquery("after")
        )


def _given(baselines: Collection[UUID], other: UUID | None) -> dict[str, Any]:
    return {"baselines": list(baselines)} | ({"other": other} if other else {})


def _differences(before: FromClause, after: FromClause) -> Select[Any]:
    """One side joined with the other; hashes are compared, so that little is read of most rows."""
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
