"""A database of audit records alone, in which tests may do what no gateway does."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from tests.audit.ledger import Ledger
from tests.conftest import TEMPLATE, _run, dsn_of


@pytest.fixture(scope="session")
async def ledger(worker_id: str, server_dsn: str) -> AsyncIterator[Ledger]:
    """Yield the records of this worker; each test has an organization of its own in it."""
    name = f"gateway_audit_{worker_id}"
    await _run(
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY",
    )
    superuser = await asyncpg.connect(dsn_of(name, superuser=True))
    yield Ledger(dsn_of(name), superuser)
    await superuser.close()
    await _run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def organization(ledger: Ledger) -> UUID:
    """Return an organization without events."""
    return await ledger.organization()


@pytest.fixture
async def events(ledger: Ledger, organization: UUID) -> list[UUID]:
    """Return five events of the organization, sealed."""
    events = await ledger.write(organization, *range(5))
    await ledger.seal()
    return events
