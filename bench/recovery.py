"""Try point-in-time recovery with the embedded server: `python -m bench.recovery`.

A server archives its write-ahead log. While events are written, a base backup is made; later
everything is deleted. The backup is then recovered to the moment before, and the audit log of the
recovered server is verified.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from db.audit.sealing import seal_everything
from db.audit.verification import verify
from db.embedded.cluster import Embedded
from db.embedded.programs import account_for, find
from migrations.run import upgrade

EVENTS, BATCH = 200_000, 1_000
FOUND = "INSERT INTO organizations (name, slug) VALUES ('Recovery', 'recovery') RETURNING id"
WRITE = """
INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, new_data, version)
SELECT $1, gen_random_uuid(), 'Requirement', 'update',
    jsonb_build_object('name', 'Requirement ' || i, 'description', repeat('text ', 40)), 1
FROM generate_series(1, $2) AS i
"""
DISASTER = """
DO $$ BEGIN
    SET LOCAL session_replication_role = replica;
    DELETE FROM audit_logs;
    DELETE FROM audit_seals;
    UPDATE organizations SET deleted_at = now();
END $$
"""
ARCHIVED = "SELECT last_archived_wal >= $1 FROM pg_stat_archiver"
PATIENCE = 60.0
"""Seconds for the archive to have a file of the log."""


async def write(superuser: asyncpg.Connection, organization: UUID, events: int) -> None:
    """Write events in transactions of `BATCH`, and seal them."""
    for begun in range(0, events, BATCH):
        await superuser.execute(WRITE, organization, min(BATCH, events - begun))
    await seal_everything(superuser)


async def archived(superuser: asyncpg.Connection) -> None:
    """Close the current file of the log, and wait until it is archived."""
    name = await superuser.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    async with asyncio.timeout(PATIENCE):
        while True:
            if await superuser.fetchval(ARCHIVED, name):
                return
            await asyncio.sleep(0.05)


def backed_up(server: Embedded, target: Path) -> float:
    """Make a base backup; return the seconds that it took."""
    began = time.monotonic()
    folder = find(None, account_for(server.directory / "data")).folder
    dsn = server.superuser_dsn()
    subprocess.run(
        [str(folder / "pg_basebackup"), "-d", dsn, "-D", str(target), "-X", "none", "-c", "fast"],
        check=True,
    )
    return time.monotonic() - began


def prepared(
    server: Embedded, backup: Path, directory: Path, archive: Path, at: datetime
) -> Embedded:
    """Return the server that recovers the backup to this time when it is started."""
    directory.mkdir(mode=0o700)
    for name in ("passwords.json", "prepared"):
        shutil.copy2(server.directory / name, directory / name)
    data = directory / "data"
    backup.rename(data)
    (data / "recovery.signal").touch()
    if account := account_for(server.directory / "data"):
        for path in (data, *data.rglob("*")):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    settings = {
        "restore_command": f"cp {archive}/%f %p",
        "recovery_target_time": at.isoformat(),
        "recovery_target_action": "promote",
        "hot_standby": "off",  # it answers when it has been promoted
        "archive_mode": "off",
    }
    return Embedded(directory, settings=settings)


async def before_and_after(server: Embedded, events: int, backup: Path) -> tuple[datetime, float]:
    """Write, back up, write more, and delete it all; return the time before, and the backup's."""
    superuser = await asyncpg.connect(server.superuser_dsn("gateway"))
    try:
        organization = await superuser.fetchval(FOUND)
        await write(superuser, organization, events // 2)
        seconds = await asyncio.to_thread(backed_up, server, backup)
        await write(superuser, organization, events - events // 2)
        at = await superuser.fetchval("SELECT clock_timestamp()")
        await superuser.execute("SELECT pg_sleep(1)")
        await superuser.execute(DISASTER)
        await archived(superuser)
    finally:
        await superuser.close()
    return at, seconds


async def verified(server: Embedded, events: int) -> float:
    """Verify that all events are there again and fit; return the seconds that it took."""
    began = time.monotonic()
    connection = await asyncpg.connect(
        server.superuser_dsn("gateway"), server_settings={"role": "gateway_owner"}
    )
    try:
        verdicts = [each async for each in verify(connection, None, [])]
        alive = await connection.fetchval(
            "SELECT count(*) FROM organizations WHERE deleted_at IS NULL"
        )
    finally:
        await connection.close()
    faults = [each.fault for each in verdicts if each.fault]
    number = sum(each.verified for each in verdicts)
    if faults or number < events or alive < 1:
        raise SystemExit(f"{number} of {events} events were recovered. {' '.join(faults)}")
    return time.monotonic() - began


def size(folder: Path) -> float:
    """Return the size of a folder in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    """Run the trial, and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="The events that are written.")
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="recovery-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        archive, backup = folder / "archive", folder / "backup"
        archive.mkdir(mode=0o777)
        archive.chmod(0o777)
        command = f"test ! -f {archive}/%f && cp %p {archive}/%f"
        settings = {"archive_mode": "on", "archive_command": command}
        with Embedded(folder / "first", settings=settings) as server:
            upgrade(server.dsn())
            at, backup_seconds = asyncio.run(before_and_after(server, events, backup))
        sizes = size(backup), size(archive)
        recovering = prepared(server, backup, folder / "second", archive, at)
        began = time.monotonic()
        with recovering:
            recovery_seconds = time.monotonic() - began
            verification_seconds = asyncio.run(verified(recovering, events))
    print(
        f"{events:,} events: base backup of {sizes[0]:.0f} MB in {backup_seconds:.1f} s,"
        f" log of {sizes[1]:.0f} MB; recovered to {at:%H:%M:%S.%f} in {recovery_seconds:.1f} s,"
        f" all events verified in {verification_seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
