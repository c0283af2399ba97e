"""A database of its own in which tests read the plans of the statements that a query sends."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from auth.credentials.identify import act_for
from auth.credentials.people import create_person
from auth.session import ViewerSession
from auth.session.statement_reader import StatementReader
from db.pool import Database
from tests.conftest import TEMPLATE, _run, dsn_of
from tests.kit.asking import run

EMAIL = "reader@plans.example"
TENANT = """
WITH o AS (
    INSERT INTO organizations (name, slug, owner_id, billing_plan)
    VALUES ('Plans', 'plans', $1, 'enterprise') RETURNING id, owner_id
)
INSERT INTO organization_members (organization_id, user_id, role)
SELECT id, owner_id, 'owner' FROM o RETURNING organization_id
"""
PLANNER = 18
"""The version of PostgreSQL whose plans are golden: others choose among the same indexes."""
MONTH = re.compile(r"_\d{4}_\d{2}")


@dataclass
class Planned:
    """A database, its superuser, and an organization with its owner, who reads it."""

    database: Database
    superuser: asyncpg.Connection
    organization: UUID
    owner: UUID

    @property
    def is_golden(self) -> bool:
        """Return whether the server plans as the one whose plans are golden."""
        version: int = self.superuser.get_server_version().major
        return version >= PLANNER

    async def sent(
        self, monkeypatch: pytest.MonkeyPatch, query: str, **variables: Any
    ) -> tuple[list[str], list[Any]]:
        """Return the statements that a query of the reader sends, and their plans."""
        sent: list[tuple[str, Any]] = []
        send = StatementReader._send

        async def recorded(
            reader: Any, text: str, arguments: Any, *more: Any, **options: Any
        ) -> Any:
            sent.append((text, arguments))
            return await send(reader, text, arguments, *more, **options)

        with monkeypatch.context() as patch:
            patch.setattr(StatementReader, "_send", recorded)
            viewer = await act_for(EMAIL, self.database)
            await run(ViewerSession(self.database, viewer), query, **variables)
        plans = []
        async with self.database.app.lend(viewer.context) as lent:
            for text, arguments in sent:
                told = await lent.fetchval(f"EXPLAIN (FORMAT JSON) {text}", *arguments)
                plans.append(json.loads(told)[0]["Plan"])
        return [text for text, _ in sent], plans


@asynccontextmanager
async def planned(name: str, options: Mapping[str, str]) -> AsyncIterator[Planned]:
    """Yield a new database of this name with these options; it is dropped afterwards."""
    await _run(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    await _run(*(f"ALTER DATABASE {name} SET {each} = '{options[each]}'" for each in options))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(dsn_of(name)))
        superuser = await asyncpg.connect(dsn_of(name, superuser=True))
        stack.push_async_callback(superuser.close)
        owner = await create_person(database, EMAIL, "Reader", "a long password of plans")
        organization = await superuser.fetchval(TENANT, owner)
        yield Planned(database, superuser, organization, owner)
    await _run(f"DROP DATABASE {name} WITH (FORCE)")


def nodes(plan: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield the nodes of a plan that read a table or sort, indented by what they are part of."""
    kind = plan["Node Type"]
    parts = (plan.get("Relation Name"), plan.get("Index Name"), plan.get("Sort Key"))
    known = [part if isinstance(part, str) else ", ".join(part) for part in parts if part]
    if known:
        name = MONTH.sub("_month", " by ".join(known))
        yield "  " * depth + f"{name}: {kind}"
        depth += 1
    for child in plan.get("Plans", ()):
        yield from nodes(child, depth)
