"""The types of objects, as the one enumeration by which all parts of the API name them."""

from typing import Any

from auth.policy import RULES
from db.base import Entity
from graph.kit.enums import enum_of
from graph.kit.words import column_name, with_article


def name_of(model: type[Entity]) -> str:
    """Return the name of the model's type in the API."""
    return model.traits.node or model.__name__


def label_of(model: type[Entity]) -> str:
    """Return the value of `EntityType` for rows of this model."""
    return column_name(name_of(model)).upper()


MODELS: dict[str, type[Entity]] = {label_of(model): model for model in RULES}
"""The model of each value."""

EntityType: Any = enum_of(
    "EntityType",
    {label: model.__name__ for label, model in MODELS.items()},
    "The type of an object.",
    {label: f"{with_article(name_of(model))}." for label, model in MODELS.items()},
)
"""The enum of entities; its values in Python are the names of the models in the audit log."""
