"""The demo's accounts: created in an empty database, and saved for the greeting of `dev`."""

import asyncio
import json
from typing import NamedTuple

from db.addresses import place
from db.logins import AUTHENTICATION, Logins
from db.server import connected
from graph.commands.database import opened, say
from graph.settings import Settings

FILE = "demo.json"
ANYBODY = "SELECT EXISTS (SELECT FROM profiles)"


class Account(NamedTuple):
    """A person to sign in as."""

    email: str
    password: str
    who: str


def accounts(at: Logins, settings: Settings) -> list[Account]:
    """Return the demo's accounts; create them on the first start, in an empty database.

    Returns none for a database of DATABASE_URL that somebody else has filled.
    """
    somebody = asyncio.run(_anybody(at))
    if somebody and (known := _remembered(settings).get(_name(at, settings))):
        return [Account(*row) for row in known]
    if somebody and settings.database_url:
        return []
    say("Creating the demo data ...")
    return create(at, settings)


def create(at: Logins, settings: Settings) -> list[Account]:
    """Create the demo's organizations, documents and people."""
    people = asyncio.run(_create(at, settings))
    file = settings.gateway_data_dir / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    remembered = _remembered(settings) | {_name(at, settings): people}
    file.write_text(json.dumps(remembered, indent=1))
    return people


def _remembered(settings: Settings) -> dict[str, list[list[str]]]:
    """Return the saved accounts, by database."""
    try:
        found = json.loads((settings.gateway_data_dir / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}  # of an older version: of which is not known


def _name(at: Logins, settings: Settings) -> str:
    """Return the key of the database in the file; the embedded one has a new port at each start."""
    return place(at.dsn) if settings.database_url else "embedded"


async def _anybody(at: Logins) -> bool:
    async with connected(at, AUTHENTICATION) as connection:
        found: bool = await connection.fetchval(ANYBODY)
        return found


async def _create(at: Logins, settings: Settings) -> list[Account]:
    from graph.demo import create_demo
    from graph.platform.files import storage_of

    async with opened(at) as database:
        storage = storage_of(settings)
        people = [Account(*account) for account in await create_demo(database, storage, settings)]
        await storage.close()
        return people
