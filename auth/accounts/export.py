"""Everything that the gateway stores about a person, as JSON, one row a line."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from auth.accounts import contact
from auth.credentials.people import person_event
from auth.events import record
from auth.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType
from db.pool import NOBODY, Database

FORMAT = "gateway personal data 1"
PAGE = 500
"""Rows that are fetched at a time."""
ROWS = "SELECT kind, content::text AS content FROM ctx.export_person($1)"
CONTACT = "SELECT contact FROM profiles WHERE id = $1"


async def lines(
    database: Database, settings: AuthSettings, person: UUID, actor: UUID | None, origin: Origin
) -> AsyncIterator[str]:
    """Yield the lines of the export: a header, the contact data, and every row. It is recorded.

    A line is an object with the `table` and the `row`. Passwords, digests and keys are left out.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        event = person_event(
            "personal_data_export", person, type=AuditEventType.EXPORT, actor_id=actor
        )
        await record(lent, event, origin)
        yield _line("header", {"format": FORMAT, "person": str(person)})
        sealed = await lent.fetchval(CONTACT, person)
        if about := contact.opened(settings, person, sealed):
            yield _line("contact", about)
        async for row in lent.cursor(ROWS, person, prefetch=PAGE):
            yield f'{{"table":{json.dumps(row["kind"])},"row":{row["content"]}}}\n'


def _line(table: str, row: dict[str, Any]) -> str:
    return json.dumps({"table": table, "row": row}, separators=(",", ":")) + "\n"
