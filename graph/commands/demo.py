"""The demo's accounts: made on an empty database, and remembered for the greeting of `dev`."""

import asyncio
import json
from typing import NamedTuple

from db.pool import AUTHENTICATION
from db.server import connected
from graph.commands.database import opened, say
from graph.settings import Settings

ANYBODY = "SELECT EXISTS (SELECT FROM profiles)"


class Account(NamedTuple):
    """Somebody to sign in as."""

    email: str
    password: str
    who: str


def accounts(dsn: str, settings: Settings) -> list[Account]:
    """The demo's accounts, made on the first start; none on a database that others have filled."""
    file = settings.gateway_data_dir / "demo.json"
    somebody = asyncio.run(_anybody(dsn))
    if somebody and file.exists():
        return [Account(*row) for row in json.loads(file.read_text())]
    if somebody and settings.database_url:
        return []
    say("Creating the demo data ...")
    return create(dsn, settings)


def create(dsn: str, settings: Settings) -> list[Account]:
    """Create the demo's organizations, documents and people."""
    people = asyncio.run(_create(dsn, settings))
    file = settings.gateway_data_dir / "demo.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(people, indent=1))
    return people


async def _anybody(dsn: str) -> bool:
    async with connected(dsn, AUTHENTICATION) as connection:
        found: bool = await connection.fetchval(ANYBODY)
        return found


async def _create(dsn: str, settings: Settings) -> list[Account]:
    from graph.demo import create_demo

    async with opened(dsn, settings) as database:
        return [Account(*account) for account in await create_demo(database)]
