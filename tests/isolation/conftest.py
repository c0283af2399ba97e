"""Tenants full of canaries, created once: nothing that is tested here may change them."""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from types import ModuleType
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import true

from auth import policy
from auth.session import compiled
from db.pool import Database
from graph.app import create_app
from graph.settings import Settings
from tests.conftest import TEMPLATE, _run, dsn_of
from tests.isolation.founding import found_canaries
from tests.isolation.world import Canaries
from tests.writes import Writes, watched_writes

PROTECTED = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relrowsecurity AND relnamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="session")
async def canaries(database_dsn: str, settings: Settings) -> AsyncIterator[Canaries]:
    """Yield the tenants, behind both walls."""
    async with tenants_in(f"{name_of(database_dsn)}_walled", settings) as canaries:
        yield canaries


@pytest.fixture(scope="session")
async def unwalled(database_dsn: str, settings: Settings) -> AsyncIterator[Canaries]:
    """Yield the same tenants in another database, in which row level security is off."""
    async with tenants_in(f"{name_of(database_dsn)}_unwalled", settings) as canaries:
        for table in await canaries.superuser.fetch(PROTECTED):
            await canaries.superuser.execute(
                f"ALTER TABLE {table['name']} DISABLE ROW LEVEL SECURITY"
            )
        yield canaries


@pytest.fixture(scope="session")
async def writes(canaries: Canaries) -> AsyncIterator[Writes]:
    """Yield the writes to the tenants behind both walls."""
    async with watched_writes(canaries.superuser) as writes:
        yield writes


@asynccontextmanager
async def tenants_in(name: str, settings: Settings) -> AsyncIterator[Canaries]:
    """Yield the tenants in a database of their own, of this name, and the application on it.

    Their rows are in every table, where other tests would not expect them.
    """
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    await _run(drop, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    larger = {"max_tokens": 10_000, "max_fields": 10_000, "max_cost": 2_000_000}
    larger |= {"cost_per_second": 50_000}
    here = {"database_url": SecretStr(dsn_of(name))}
    app = create_app(settings.model_copy(update=here | larger))  # walks select every field
    transport = httpx.ASGITransport(app)
    superuser = await asyncpg.connect(dsn_of(name, superuser=True))
    async with (
        Database(dsn_of(name), app_connections=1, orm_connections=1) as database,
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield await found_canaries(superuser, database, client)
    await superuser.close()
    await _run(drop)


def name_of(dsn: str) -> str:
    return urlsplit(dsn).path.removeprefix("/")


@pytest.fixture
def without_policy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Allow everybody everything, wherever the policy is used."""
    opened = {
        policy.allows: lambda *_: True,
        policy.permitted: lambda *_: true(),
        policy.permitted_to: lambda *_: true(),
        policy.ways_to: lambda *_: None,  # no shorter way to what is permitted
    }
    modules = [
        module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in ("auth", "graph")
    ]
    for module in modules:
        for function, answer in opened.items():
            if getattr(module, function.__name__, None) is function:
                monkeypatch.setattr(module, function.__name__, answer)
    _forget_statements(modules)
    yield
    _forget_statements(modules)


def _forget_statements(modules: Iterable[ModuleType]) -> None:
    """Clear the caches of statements: one that was built with one policy is wrong for another."""
    compiled._forms.clear()
    compiled._equal.clear()
    for module in modules:
        for member in vars(module).values():
            if module.__name__.startswith("auth.session") and hasattr(member, "cache_clear"):
                member.cache_clear()
