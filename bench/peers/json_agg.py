"""SQL written by hand, whose JSON is passed through: the least cost of an answer.

An endpoint of Starlette over asyncpg, which knows four operations and parses no GraphQL.
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
ROW = """json_build_object('id', r.id, 'name', r.name, 'description', r.description,
    'status', r.status, 'priority', r.priority, 'level', r.level, 'position', r.position,
    'updatedAt', r.updated_at)"""
READS = {
    "Q1": f"""SELECT json_build_object('data', json_build_object('requirement',
        (SELECT {ROW} FROM requirements r WHERE r.id = $1)))""",
    "Q2": f"""SELECT json_build_object('data', json_build_object('project',
        (SELECT json_build_object('id', p.id, 'name', p.name, 'documents',
            (SELECT coalesce(json_agg(json_build_object('id', d.id, 'name', d.name, 'blocks',
                (SELECT coalesce(json_agg(json_build_object('id', b.id, 'name', b.name,
                    'requirements', (SELECT coalesce(json_agg({ROW} ORDER BY r.position), '[]')
                        FROM requirements r WHERE r.block_id = b.id)) ORDER BY b.position), '[]')
                FROM blocks b WHERE b.document_id = d.id)) ORDER BY d.position), '[]')
            FROM documents d WHERE d.project_id = p.id))
        FROM projects p WHERE p.id = $1)))""",
    "Q3": """SELECT json_build_object('data', json_build_object('document',
        (SELECT json_build_object('id', d.id, 'name', d.name, 'requirements',
            (SELECT coalesce(json_agg(json_build_object('id', r.id, 'name', r.name,
                'status', r.status, 'assignments', (SELECT coalesce(json_agg(json_build_object(
                    'id', a.id, 'role', a.role, 'assignee',
                    json_build_object('id', f.id, 'fullName', f.full_name)) ORDER BY a.id), '[]')
                    FROM assignments a JOIN profiles f ON f.id = a.assignee_id
                    WHERE a.requirement_id = r.id),
                'block', (SELECT json_build_object('id', b.id, 'name', b.name)
                    FROM blocks b WHERE b.id = r.block_id)) ORDER BY r.position, r.id), '[]')
            FROM (SELECT * FROM requirements r WHERE r.document_id = d.id
                ORDER BY r.position, r.id LIMIT 50) r))
        FROM documents d WHERE d.id = $1)))""",
    "Q4": f"""SELECT json_build_object('data', json_build_object('requirements',
        (SELECT coalesce(json_agg({ROW} ORDER BY r.id), '[]')
        FROM (SELECT * FROM requirements r WHERE r.project_id = $1
            ORDER BY r.id LIMIT 1000) r)))""",
}


@asynccontextmanager
async def _connected(app: Starlette) -> AsyncIterator[None]:
    async def prepare(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
        )

    async def keep(_: asyncpg.Connection) -> None:
        """Skip the reset of a connection: no statement here leaves state behind."""

    address = os.environ["DATABASE_URL"]
    options = {"min_size": CONNECTIONS, "max_size": CONNECTIONS, "init": prepare, "reset": keep}
    async with asyncpg.create_pool(address, **options) as app.state.pool:
        yield


async def read(request: Request) -> Response:
    """Answer an operation, chosen by its name."""
    asked = orjson.loads(await request.body())
    id = UUID(asked["variables"]["id"])
    answer = await request.app.state.pool.fetchval(READS[asked["operationName"]], id)
    return Response(answer, media_type="application/json")


app = Starlette(routes=[Route("/graphql", read, methods=["POST"])], lifespan=_connected)
