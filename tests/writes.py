"""The written tables, noted by a trigger on each, at a cost that does not grow with stored rows.

A digest of all tables before and after each request grows with requests times rows; this grows with
the writes, and covers every table, and a row that was changed back as well.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

WRITTEN = """
SELECT relname::text AS name FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
    AND relname <> 'usage_logs'
    AND (has_table_privilege('gateway_app', oid, 'INSERT, UPDATE, DELETE')
        OR relname IN ('audit_alerts', 'jobs', 'webhook_deliveries', 'webhook_events'))
ORDER BY relname
"""
"""The tables that requests write, and those that functions alone write.

The cost of every operation, also of a refused one, is added to `usage_logs` a moment later.
"""

INSTALL = """
CREATE SCHEMA watch;
CREATE TABLE watch.writes (name text NOT NULL);
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO watch.writes VALUES (TG_ARGV[0]);
    RETURN NULL;
END $$;
"""
TRIGGER = """
CREATE TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW
EXECUTE FUNCTION watch.note('{name}')
"""
TRIGGER_OF_RECORD = """
CREATE TRIGGER watch AFTER INSERT ON audit_logs FOR EACH ROW
WHEN (NEW.entity_type <> 'Operation') EXECUTE FUNCTION watch.note('audit_logs')
"""
"""The only write of a refused request is the event of its refusal; nothing updates the log."""

TAKE = "WITH taken AS (DELETE FROM watch.writes RETURNING name) SELECT DISTINCT name FROM taken"


@dataclass(frozen=True)
class Writes:
    """The watch over one database."""

    superuser: asyncpg.Connection

    async def take(self) -> set[str]:
        """Return the tables in which rows were written and committed since the last look."""
        return {name for (name,) in await self.superuser.fetch(TAKE)}


@asynccontextmanager
async def watched_writes(superuser: asyncpg.Connection) -> AsyncIterator[Writes]:
    """Watch the database of this connection until the end of the block."""
    tables = [name for (name,) in await superuser.fetch(WRITTEN)]
    statements = [
        TRIGGER_OF_RECORD if name == "audit_logs" else TRIGGER.format(name=name) for name in tables
    ]
    await superuser.execute(";".join([INSTALL, *statements]))
    try:
        yield Writes(superuser)
    finally:
        await superuser.execute("DROP SCHEMA watch CASCADE")
