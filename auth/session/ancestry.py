"""The ancestors of a row, whose deletion hides it: its scopes, and the rows that contain it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, Uuid, any_, bindparam, inspect, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from auth.policy import RULES
from db.base import SCOPES, Base, Entity

SCOPE_MODELS: Mapping[str, type[Entity]] = {
    key: model for key in SCOPES for model in RULES if model.traits.scope_key == key
}
"""The model of each scope, by the column that names it; widest first."""


@cache
def parents(model: type[Entity]) -> Mapping[str, type[Entity]]:
    """Return the parents of rows of a model besides their scopes, by the key that names them.

    Their deletion hides the rows. A parent has no parents but of its own model, unless the row
    names these as well.
    """
    found = {key: _target(model, key) for key in _parent_keys(model)}
    for parent in found.values():
        further = {_target(parent, key) for key in _parent_keys(parent)} - {parent}
        further -= {*found.values()}
        assert not further, f"{parent.__name__} has parents: {further}"  # noqa: S101
    return found


@cache
def nests(model: type[Entity]) -> str | None:
    """Return the key by which rows of a model nest in each other; None where they do not."""
    return next((key for key, parent in parents(model).items() if parent is model), None)


@dataclass(frozen=True)
class Ordering:
    """The order of rows of a model: in rows of the container, perhaps also inside other rows."""

    model: type[Any]
    container: type[Any]
    key: str
    """The column that names the container."""
    inside: str | None
    """The column of the row in the same container that holds a row, such as a block; None where
    rows stand in the container alone."""
    inside_model: type[Any] | None

    @property
    def nests(self) -> bool:
        """Return whether the rows are inside each other."""
        return self.inside_model is self.model

    def container_of(self, row: Any) -> UUID:
        """Return the ID of the container of a row."""
        id: UUID = getattr(row, self.key)
        return id

    def containers_of(self, ids: Collection[UUID]) -> Select[UUID]:
        """Return a statement of the IDs of the containers of these rows."""
        among = self.model.id == any_(bindparam(None, list(ids), type_=ARRAY(Uuid)))
        return select(getattr(self.model, self.key)).where(among)

    def position_of(self, id: UUID) -> ScalarSelect[float]:
        """Return the expression for the position of a row when the statement runs."""
        row = aliased(self.model)
        return select(row.position).where(row.id == id).scalar_subquery()


@cache
def ordering(model: type[Entity]) -> Ordering:
    """Return the order of the rows of a model. Raises TypeError where they have none."""
    key = model.traits.ordered_in
    if key is None:
        raise TypeError(f"{model.__name__} has no order.")
    inside = next((parent for parent in parents(model) if parent != key), None)
    return Ordering(
        model, _target(model, key), key, inside, parents(model)[inside] if inside else None
    )


def _parent_keys(model: type[Entity]) -> tuple[str, ...]:
    return (*model.traits.parents, *model.traits.owned_by)


def _target(model: type[Entity], key: str) -> type[Entity]:
    """Return the model that a foreign key refers to."""
    foreign_keys = inspect(model).columns[key].foreign_keys
    # A key that is also part of a wider one, as a scope, refers to the row by its ID.
    (table,) = {foreign.column.table for foreign in foreign_keys if foreign.column.name == "id"}
    (target,) = (mapper for mapper in Base.registry.mappers if mapper.local_table is table)
    return target.class_
