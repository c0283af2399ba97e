"""What both kinds of keys show and take: API keys of organizations and people's personal tokens."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry import UNSET, Maybe

from graph.kit.connection import Direction
from graph.kit.fields import described
from graph.kit.filters import DateTimeFilter, StringFilter, UUIDFilter, named
from graph.kit.node import Node


@strawberry.interface(description="What a program shows with each request, as a bearer token.")
class Key(Node):
    name: str = described("What it is called.")
    hint: str = described("The last four characters of its text, by which to know it again.")
    scopes: list[str] = described("What it is narrowed to.")
    expires_at: datetime = described("When it ends by itself.")
    last_used_at: datetime | None = described("When it was last shown, exact to a minute.")
    revoked_at: datetime | None = described("When it was ended.")


@strawberry.input
class KeyFilter:
    id: UUIDFilter | None = UNSET
    name: StringFilter | None = UNSET
    hint: StringFilter | None = UNSET
    expires_at: DateTimeFilter | None = UNSET
    last_used_at: DateTimeFilter | None = UNSET
    revoked_at: DateTimeFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["KeyFilter"] | None = named("and")
    or_: list["KeyFilter"] | None = named("or")
    not_: "KeyFilter | None" = named("not")


@strawberry.enum
class KeySort(Enum):
    NAME = "name"
    EXPIRES_AT = "expires_at"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class KeyOrder:
    by: KeySort
    direction: Direction = Direction.ASC


@strawberry.input
class KeyUpdate:
    name: Maybe[str]
    scopes: Maybe[list[str]]
    expires_at: Maybe[datetime]


SECRET = "Its text, shown this once; `Authorization: Bearer` takes it."  # noqa: S105 (a description)
