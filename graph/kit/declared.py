"""Classes for Strawberry that are declared by a list of their fields."""

from collections.abc import Mapping
from typing import Any


def class_of(name: str, members: Mapping[str, tuple[Any, Any]]) -> type:
    """Return a class with these members, of this annotation and this Strawberry field each."""
    annotations = {member: annotation for member, (annotation, _) in members.items()}
    fields = {member: field for member, (_, field) in members.items()}
    return type(name, (), {"__annotations__": annotations, "__module__": __name__, **fields})
