"""Rotation of the key of stored secrets: find and renew what a former GATEWAY_SECRET encrypted.

The tables that hold encrypted columns are listed here, so that none is left behind.
"""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from auth.encryption import decrypt, encrypt, is_current
from auth.settings import AuthSettings

PAGE = 500
"""Rows that are locked and renewed in one transaction."""


class Encrypted(NamedTuple):
    """A column of secrets: its table, the column of the owner, and the purpose of its key."""

    table: str
    owner: str
    column: str
    purpose: str


COLUMNS = (
    Encrypted("second_factors", "user_id", "secret", "second factor"),
    Encrypted("profiles", "id", "contact", "profile contact"),
    Encrypted("oauth_signing_keys", "id", "private_key", "signing key"),
    Encrypted("identity_providers", "id", "client_secret", "identity provider secret"),
    Encrypted("webhook_endpoints", "id", "secret", "webhook secret"),
    Encrypted("webhook_endpoints", "id", "former_secret", "webhook secret"),
)


class Counts(NamedTuple):
    """The numbers of secrets of the present key, of a former one, and of unknown keys."""

    current: int = 0
    former: int = 0
    lost: int = 0


async def count(connection: asyncpg.Connection, settings: AuthSettings) -> Counts:
    """Return how many secrets are encrypted with which key."""
    return await _walk(connection, settings, renew=False)


async def renew(connection: asyncpg.Connection, settings: AuthSettings) -> Counts:
    """Encrypt with the present key what an earlier one encrypted; return the numbers before.

    The connection belongs to the owner of the tables. It may be interrupted and repeated.
    """
    return await _walk(connection, settings, renew=True)


async def _walk(connection: asyncpg.Connection, settings: AuthSettings, *, renew: bool) -> Counts:
    found = {"current": 0, "former": 0, "lost": 0}
    for column in COLUMNS:
        after = UUID(int=0)
        while True:
            async with connection.transaction():
                rows = await connection.fetch(_page(column, lock=renew), after, PAGE)
                for id, sealed in rows:
                    state, text = _state(settings, column, id, sealed)
                    found[state] += 1
                    if renew and state == "former" and text is not None:
                        fresh = encrypt(settings, column.purpose, id.bytes, text)
                        await _replace(connection, column, id, fresh)
            if len(rows) < PAGE:
                break
            after = rows[-1][0]
    return Counts(**found)


def _state(
    settings: AuthSettings, column: Encrypted, id: UUID, sealed: bytes
) -> tuple[str, bytes | None]:
    if is_current(settings, column.purpose, id.bytes, sealed):
        return "current", None
    text = decrypt(settings, column.purpose, id.bytes, sealed)
    return ("lost" if text is None else "former"), text


def _page(column: Encrypted, *, lock: bool) -> str:
    table, owner, name, _ = column
    return (
        f"SELECT {owner}, {name} FROM {table} WHERE {owner} > $1 AND {name} IS NOT NULL"  # noqa: S608 (names of ours)
        f" ORDER BY {owner} LIMIT $2{' FOR UPDATE' if lock else ''}"
    )


async def _replace(
    connection: asyncpg.Connection, column: Encrypted, id: UUID, fresh: bytes
) -> None:
    """Write a secret anew, without the effects that another secret has."""
    table, owner, name, _ = column
    update = f"UPDATE {table} SET {name} = $2 WHERE {owner} = $1"  # noqa: S608 (names of ours)
    if table != "webhook_endpoints":
        await connection.execute(update, id, fresh)
        return
    kept = "SELECT former_secret, former_secret_expires_at FROM webhook_endpoints WHERE id = $1"
    before = await connection.fetchrow(kept, id)
    assert before is not None  # noqa: S101 (it is locked)
    await connection.execute(update, id, fresh)
    if name == "secret":  # a trigger has taken the one before for a former secret
        restore = (
            "UPDATE webhook_endpoints SET former_secret = $2, former_secret_expires_at = $3"
            " WHERE id = $1"
        )
        await connection.execute(restore, id, *before)
