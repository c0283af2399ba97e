"""The page of a share, as a phone visits it."""

from uuid import uuid4

from asyncpg import Connection

from auth.credentials.passwords import HASHER
from auth.credentials.shares import PREFIX
from auth.credentials.tokens import new_token
from auth.secret import digest
from tests.pages.looking import Looking
from tests.pages.test_connecting import PASSWORD


async def walk_shares(looking: Looking, superuser: Connection, long: str) -> None:
    """Visit the page of a shared document, and the form for its password."""
    at, key = [uuid4() for _ in range(4)], new_token(PREFIX)
    for table, columns, values in (
        ("organizations", "id, name, slug", "$1, 'O', $1::uuid::text"),
        ("projects", "organization_id, id, name, slug", "$1, $2, 'P', 'p'"),
        (
            "documents",
            "organization_id, project_id, id, name, slug, description",
            f"$1, $2, $3, '{long}', 'd', '{long * 9}'",
        ),
        (
            "blocks",
            "organization_id, project_id, document_id, id, name",
            f"$1, $2, $3, $4, '{long}'",
        ),
        (
            "requirements",
            "organization_id, project_id, document_id, block_id, position, name, description",
            f"$1, $2, $3, $4, generate_series(1, 201), '{long}', '{long}'",
        ),
    ):
        used = values.count("$") if table != "organizations" else 1
        statement = f"INSERT INTO {table} ({columns}) SELECT {values}"
        await superuser.execute(statement, *at[:used])
    await superuser.execute(
        "INSERT INTO shares (organization_id, project_id, document_id, name, key_hash, hint,"
        " password_hash, expires_at) VALUES ($1, $2, $3, 'S', $4, 'hint', $5, now() + '1 day')",
        *(*at[:3], digest(key), HASHER.hash(PASSWORD)),
    )
    await looking.at(f"/s/{key}", "shared-password")
    await looking.send("Open", password="wrong")
    await looking.here("shared-password-refused")
    await looking.send("Open", password=PASSWORD)
    await looking.here("shared")
    await looking.page.get_by_role("link", name="Next page").click()
    await looking.here("shared-2")
