"""A project full of requirements, and the expected results of queries, computed in Python."""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from tests.world import World

EPOCH = datetime(2024, 5, 1, tzinfo=UTC)
ENUMS = {
    "status": [
        *("DRAFT", "IN_REVIEW", "APPROVED", "REJECTED"),
        *("IN_PROGRESS", "IMPLEMENTED", "VERIFIED", "DEPRECATED"),
    ],
    "format": ["NATURAL_LANGUAGE", "STRUCTURED", "FORMAL", "EARS", "GHERKIN"],
    "priority": ["LOW", "MEDIUM", "HIGH", "CRITICAL", "BLOCKER"],
    "level": ["BUSINESS", "SYSTEM", "SUBSYSTEM", "COMPONENT", "FEATURE", "USER_STORY"],
}
TEXTS = [
    *("100% stop", "100 stop", "a_b", "axb", "a\\b", "A\\B", "a/b", "a//b", "Stop", "stop"),
    *("%", "_", "\\", "it's", 'say "so"', "Ünter", "über", "zz top", "a", " "),
]
"""Short texts, some with characters that are special in LIKE."""
TAGS = ["safety", "Safety", "brakes", "a,b", "{x}", 'q"q']
PROPERTIES: list[dict[str, Any]] = [
    {},
    {"weight": 1.5, "unit": "kg"},
    {"weight": "1.5", "a": {"b": {"c": True}}},
    {"weight": 2, "a": {"b": {"c": False}}, "list": ["x", "y"]},
    {"a": {"b": 1}, "list": []},
    {"a": None, "list": ["x"]},
]
FIELDS = {
    "id": "id",
    "project_id": "projectId",
    "document_id": "documentId",
    "block_id": "blockId",
    "external_id": "externalId",
    "name": "name",
    "description": "description",
    "status": "status",
    "format": "format",
    "priority": "priority",
    "level": "level",
    "position": "position",
    "tags": "tags",
    "properties": "properties",
    "created_at": "createdAt",
    "created_by": "createdById",
    "updated_at": "updatedAt",
}
"""The API's name of each column."""
NULLABLE = {"blockId", "externalId", "description", "createdById"}

Tree = dict[str, Any]
Order = list[tuple[str, str]]
"""Sort keys as the API names them, each with its direction."""


@dataclass
class Shelf:
    """The rows by the API's names of their columns, and how PostgreSQL sorts each text."""

    world: World
    rows: list[dict[str, Any]]
    ranks: dict[str, int]

    def rank(self, field: str, value: Any) -> Any:
        """Return a key that Python sorts as PostgreSQL sorts the value."""
        if field in ENUMS:
            return ENUMS[field].index(value)
        return self.ranks[value] if field in ("externalId", "name", "description") else value

    def ordered(self, order: Order) -> list[str]:
        """Return the IDs in this order: nulls last ascending; ties by ID, as the last key."""
        rows = list(self.rows)
        for field, direction in reversed([*order, ("id", order[-1][1])]):
            rows.sort(
                key=lambda row, field=field: (
                    row[field] is None,
                    row[field] is not None and self.rank(field, row[field]),
                ),
                reverse=direction == "DESC",
            )
        return [row["id"] for row in rows]

    def found(self, tree: Tree) -> set[str]:
        """Return the ids of the rows that this filter describes."""
        return {row["id"] for row in self.rows if self.holds(tree, row)}

    def holds(self, tree: Tree, row: dict[str, Any]) -> bool:
        for field, value in tree.items():
            match field:
                case "and":
                    held = all(self.holds(part, row) for part in value)
                case "or":
                    held = any(self.holds(part, row) for part in value)
                case "not":
                    held = not self.holds(value, row)
                case "properties":
                    held = all(contains(row[field], nested(**part)) for part in value)
                case _:
                    held = all(
                        self.compares(field, row[field], how, operand)
                        for how, operand in value.items()
                    )
            if not held:
                return False
        return True

    def compares(self, field: str, value: Any, how: str, operand: Any) -> bool:
        if field in ("createdAt", "updatedAt"):
            operand = moments(operand)
        if how in DEFINED_ON_NULL:
            return DEFINED_ON_NULL[how](value, operand)
        if value is None:
            return False
        if how in UNORDERED:
            return UNORDERED[how](value, operand)
        return ORDERED[how](self.rank(field, value), self.rank(field, operand))


Compare = Callable[[Any, Any], bool]

DEFINED_ON_NULL: dict[str, Compare] = {
    "isNull": lambda value, operand: (value is None) == operand,
    "ne": operator.ne,
    "notIn": lambda value, operand: value not in operand,
}
UNORDERED: dict[str, Compare] = {
    "eq": operator.eq,
    "in": lambda value, operand: value in operand,
    "contains": lambda value, operand: operand.lower() in value.lower(),
    "startsWith": lambda value, operand: value.lower().startswith(operand.lower()),
    "hasAny": lambda value, operand: not set(value).isdisjoint(operand),
    "hasAll": lambda value, operand: set(value).issuperset(operand),
    "isEmpty": lambda value, operand: (not value) == operand,
}
ORDERED: dict[str, Compare] = {
    name: getattr(operator, python)
    for name, python in {"lt": "lt", "lte": "le", "gt": "gt", "gte": "ge"}.items()
}


def moments(operand: Any) -> Any:
    """Return the times in these texts."""
    match operand:
        case str():
            return datetime.fromisoformat(operand)
        case list():
            return [moments(one) for one in operand]
    return operand


def nested(path: list[str], eq: Any) -> Any:
    """Return the JSON object that has only this value, at this path."""
    for step in reversed(path):
        eq = {step: eq}
    return eq


def contains(whole: Any, part: Any) -> bool:
    """Return whether JSON contains JSON, as PostgreSQL's operator @> defines it."""
    match whole, part:
        case dict(), dict():
            return all(key in whole and contains(whole[key], part[key]) for key in part)
        case list(), list():
            return all(any(contains(one, wanted) for one in whole) for wanted in part)
    return isinstance(whole, bool) == isinstance(part, bool) and bool(whole == part)


async def fill(world: World) -> Shelf:
    """Put 40 requirements into two documents, with ties and nulls; hide some more by deletion."""
    random, db = Random(4), world.superuser
    other = uuid7()
    await db.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    await db.execute(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Other', 'other')",
        other,
        world.organization,
        world.project,
    )
    rows = []
    for i in range(46):
        document = (world.document, other)[i % 2]
        rows.append(
            {
                "id": uuid7(),
                "project_id": world.project,
                "document_id": document,
                "block_id": world.block if document == world.document and i % 3 else None,
                # Unique in its document, so that the same one stands in both.
                "external_id": f"SYS-{i // 2:03}" if i % 5 < 3 else None,
                "name": random.choice(TEXTS[:10] + TEXTS[14:16]),
                "description": random.choice([None, *TEXTS[:-1]]),
                **{field: random.choice(labels) for field, labels in ENUMS.items()},
                "position": random.choice([-2.5, 0.0, 0.1, 1.0, 1e300]),
                "tags": random.sample(TAGS, random.choice([0, 1, 1, 3])),
                "properties": random.choice(PROPERTIES),
                "created_at": EPOCH + timedelta(microseconds=random.choice([0, 1, 10**6])),
                "created_by": random.choice([None, world.people["editor"], world.people["admin"]]),
                "updated_at": EPOCH + timedelta(days=random.randrange(4)),
            }
        )
    random.shuffle(rows)
    await insert(world, rows[:40])
    await insert(world, rows[40:])
    await db.execute(
        "UPDATE requirements SET deleted_at = now() WHERE id = ANY($1)",
        [row["id"] for row in rows[40:]],
    )
    texts = {*TEXTS, "", *(f"SYS-{i:03}" for i in range(len(rows) // 2))}
    ranked = await db.fetch(
        'SELECT t FROM unnest($1::text[]) t ORDER BY ctx.sort_key(t) COLLATE "C"', list(texts)
    )
    shown = [
        {
            FIELDS[column]: str(value)
            if column == "id" or column.endswith(("_id", "_by"))
            else value
            for column, value in row.items()
        }
        for row in rows[:40]
    ]
    for row in shown:
        for field in NULLABLE:
            row[field] = None if row[field] == "None" else row[field]
    return Shelf(world, shown, {one["t"]: i for i, one in enumerate(ranked)})


async def insert(world: World, rows: Iterable[dict[str, Any]]) -> None:
    """Insert requirements by plain SQL; labels of enumerations as the API spells them."""
    rows = list(rows)
    columns = list(rows[0])
    places = ", ".join(f"${i + 2}" for i in range(len(columns)))
    await world.superuser.executemany(
        f"INSERT INTO requirements (organization_id, {', '.join(columns)}) VALUES ($1, {places})",
        [(world.organization, *(_stored(*item) for item in row.items())) for row in rows],
    )


def _stored(column: str, value: Any) -> Any:
    if column in ENUMS:
        return value.lower()
    return orjson.dumps(value).decode() if column == "properties" else value
