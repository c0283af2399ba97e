"""The look-up of the models of rows by their IDs."""

from functools import cache

from db.base import Entity


@cache
def models_statement(models: tuple[type[Entity], ...]) -> str:
    """Return the SQL of the rows of these models with the ids $1: the id, and the model's place.

    One plan serves all values: each table is read by its primary key.
    """
    return " UNION ALL ".join(
        f"SELECT id, {place} AS place FROM {model.__tablename__} WHERE id = ANY($1::uuid[])"  # noqa: S608 (a name of a table)
        for place, model in enumerate(models)
    )
