"""The fields, filters and orders that API keys and personal tokens share."""

from datetime import datetime
from typing import Any

import strawberry

from graph.kit.fields import described
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node


@strawberry.interface(
    description="A secret that a program sends as a bearer token in place of a session."
)
class Credential(Node):
    name: str = described("The name of the credential.")
    hint: str = described("The last four characters of the secret, by which to recognize it.")
    scopes: list[str] = described("The scopes that limit the access of the credential.")
    expires_at: datetime = described("The date and time when the credential expires.")
    last_used_at: datetime | None = described(
        "The date and time when the credential was last used, to the minute."
    )
    revoked_at: datetime | None = described(
        "The date and time when the credential was revoked; null if it was not."
    )


def credential_filter(type_: Any) -> Any:
    """Return the input that filters credentials of this type."""
    return filter_input(
        type_, "id", "name", "hint", "expires_at", "last_used_at", "revoked_at", "created_at"
    )


def credential_order(type_: Any) -> Any:
    """Return the input that sorts credentials of this type."""
    return order_input(type_, "name", "expires_at", "created_at", "updated_at")


SECRET = "The secret, to send as `Authorization: Bearer`. It is shown only once."  # noqa: S105 (a description)
