"""The diagram of the tables in docs/data-model.md: `python -m db.diagram` prints it."""

from collections.abc import Iterator

from sqlalchemy import Column, ForeignKeyConstraint, Table
from sqlalchemy.dialects import postgresql

from db.tables import MODELS

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it out


def diagram() -> str:
    """Return a Mermaid erDiagram of every table, its keys, and the edge of each foreign key."""
    tables = [table for model in MODELS if isinstance(table := model.__table__, Table)]
    lines = ["erDiagram"]
    for table in tables:
        lines.append(f"    {table.name} {{")
        lines += [f"        {column}" for column in _keys(table)]
        lines.append("    }")
    for table in tables:
        lines += [f"    {edge}" for edge in _edges(table)]
    return "\n".join(lines)


def _foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    return sorted(table.foreign_key_constraints, key=lambda key: str(key.name))


def _keys(table: Table) -> Iterator[str]:
    foreign = {name for key in _foreign_keys(table) for name in key.column_keys}
    for column in table.columns:
        marks = ["PK"] * column.primary_key + ["FK"] * (column.name in foreign)
        if marks:
            yield f"{_type(column)} {column.name} {', '.join(marks)}"


def _type(column: Column[object]) -> str:
    type_ = column.type.compile(POSTGRESQL).lower()
    return "timestamptz" if type_ == "timestamp with time zone" else type_


def _edges(table: Table) -> Iterator[str]:
    for key in _foreign_keys(table):
        column = table.c[key.column_keys[-1]]
        one = "|o" if column.nullable else "||"
        many = "o|" if column.primary_key else "o{"
        yield f"{key.referred_table.name} {one}--{many} {table.name} : {column.name}"


if __name__ == "__main__":
    print(diagram())  # noqa: T201 (what this module is run for)
