"""The least cost of an edit: an endpoint that runs one statement for each request.

The statement compares the version, updates the row and logs the change, for one requirement or for
many. The variable EDIT names the tables: the peers', or the gateway's with their indexes, search
vector, audit log and feed. There is no sign-in.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CONNECTIONS = int(os.environ.get("CONNECTIONS", "8"))
CHANGE = """
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS asked (id, version, name)
), changed AS (
    UPDATE requirements r SET name = asked.name, version = r.version + 1, updated_at = now()
    FROM asked WHERE r.id = asked.id AND r.version = asked.version
    RETURNING r.*
), noted AS ({note})
SELECT id, version, name FROM changed
"""
NOTES = {
    "peers": """INSERT INTO changes (requirement_id, version, fields, data)
    SELECT id, version, ARRAY['name'], jsonb_build_object('name', name) FROM changed""",
    "gateway": """INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id,
        entity_type, action, version, changed_fields, new_data)
    SELECT organization_id, project_id, document_id, id, 'Requirement', 'update', version,
        ARRAY['name'], jsonb_build_object('name', name) FROM changed""",
}
STATEMENT = CHANGE.format(note=NOTES[os.environ.get("EDIT", "peers")])


@asynccontextmanager
async def _connected(app: Starlette) -> AsyncIterator[None]:
    async def keep(_: asyncpg.Connection) -> None:
        """Skip the reset of a connection: no statement here leaves state behind."""

    address = os.environ["DATABASE_URL"]
    options = {"min_size": CONNECTIONS, "max_size": CONNECTIONS, "reset": keep}
    async with asyncpg.create_pool(address, **options) as app.state.pool:
        yield


async def edit(request: Request) -> Response:
    """Rename requirements at the given versions; 409 when one has another version."""
    asked = orjson.loads(await request.body())
    ids = [UUID(item["id"]) for item in asked]
    versions, names = [int(item["version"]) for item in asked], [item["name"] for item in asked]
    rows = await request.app.state.pool.fetch(STATEMENT, ids, versions, names)
    answer = [
        {"id": str(row["id"]), "version": str(row["version"]), "name": row["name"]} for row in rows
    ]
    status = 200 if len(rows) == len(asked) else 409
    return Response(orjson.dumps(answer), status, media_type="application/json")


app = Starlette(routes=[Route("/edits", edit, methods=["POST"])], lifespan=_connected)
