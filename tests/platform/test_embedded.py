"""The embedded server is private, shared between processes, and loses nothing when killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from db.embedded.cluster import STOP_LIMIT, Embedded
from db.embedded.programs import EmbeddedError

pytestmark = pytest.mark.processes

ATTACH = """
import sys
from pathlib import Path
from db.embedded.cluster import Embedded
with Embedded(Path(sys.argv[1])) as embedded:
    print(embedded.owned, embedded.dsn(), flush=True)
"""
OWN = """
import sys, time
from pathlib import Path
from db.embedded.cluster import Embedded
with Embedded(Path(sys.argv[1])) as embedded:
    print(embedded.superuser_dsn(), flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a directory with a space in its name, which tests use one after the other."""
    return tmp_path_factory.mktemp("platform") / "a place with spaces"


@pytest.fixture
def embedded(place):
    with Embedded(place, settings={"fsync": "off"}) as embedded:
        yield embedded


def run(script, place):
    command = [sys.executable, "-c", script, str(place)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def ask(dsn, statement, role=None):
    settings = {"role": role} if role else {}
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def server_of(place):
    return psutil.Process(int((place / "data/postmaster.pid").read_text().split("\n")[0]))


def ended(process):
    """Return whether the process has ended; an orphan that nobody reaps stays as a zombie."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_the_directory_and_what_it_holds_are_private(embedded, place):
    assert place.stat().st_mode & 0o777 == 0o700
    for name in ("data", "passwords.json", "server.json", "log", "lock"):
        assert (place / name).stat().st_mode & 0o077 == 0, name
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(embedded.dsn(), password="guess")


async def test_text_sorts_by_code_point(embedded):
    assert await ask(embedded.dsn(), "SELECT 'Zebra' < 'apple' AND 'z' < 'ä'")
    assert await ask(embedded.dsn(), "SHOW server_encoding") == "UTF8"


async def test_the_login_may_do_nothing_until_it_names_a_role(embedded):
    create = "CREATE TABLE named (id int)"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(embedded.dsn(), create)
    await ask(embedded.dsn(), create, "gateway_owner")
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'named'"
    assert await ask(embedded.dsn(), owner, "gateway_app") == "gateway_owner"
    for role in ("gateway_app", "gateway_auth"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask(embedded.dsn(), "SELECT id FROM named", role)


async def test_a_second_process_attaches_and_leaves_the_server_running(embedded, place):
    with run(ATTACH, place) as other:
        assert other.stdout.read().split() == ["False", embedded.dsn()]
    assert other.returncode == 0
    assert await ask(embedded.dsn(), "SELECT 1") == 1


async def test_stopping_leaves_no_process_and_takes_a_moment(embedded, place):
    server = server_of(place)
    family = [server, *server.children(recursive=True)]
    begin = time.monotonic()
    embedded.stop()
    assert time.monotonic() - begin < STOP_LIMIT / 2  # it needs 0.1 s on an idle machine
    assert all(map(ended, family))


async def test_rows_survive_a_server_that_was_killed(embedded, place):
    await ask(embedded.superuser_dsn(), "CREATE TABLE killed AS SELECT generate_series(1, 500)")
    server_of(place).kill()
    server_of(place).wait(5)
    embedded.start()
    assert await ask(embedded.superuser_dsn(), "SELECT count(*) FROM killed") == 500


async def test_the_server_dies_with_its_owner_and_rows_survive(place):
    with run(OWN, place) as owner:
        dsn = owner.stdout.readline().strip()
        await ask(dsn, "CREATE TABLE orphaned AS SELECT generate_series(1, 500)")
        server = server_of(place)
        os.kill(owner.pid, signal.SIGKILL)
    with Embedded(place) as embedded:
        assert ended(server)
        assert await ask(embedded.superuser_dsn(), "SELECT count(*) FROM orphaned") == 500


async def test_a_pid_that_another_program_has_now_does_not_prevent_the_start(place):
    with Embedded(place) as embedded:
        file = place / "data/postmaster.pid"
        stale = file.read_text().split("\n", 1)[1]
        server_of(place).kill()
        embedded._server.wait(5)
    file.write_text(f"{os.getppid()}\n{stale}")
    with Embedded(place) as embedded:
        assert await ask(embedded.dsn(), "SELECT 1") == 1


def test_a_directory_that_cannot_be_made_is_told_in_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match="cannot hold the database"):
        Embedded(tmp_path / "file" / "below").start()


def test_programs_that_are_not_there_are_told_in_one_sentence(tmp_path):
    with pytest.raises(EmbeddedError, match="cannot be run"):
        Embedded(tmp_path / "new", binaries=Path("/nowhere")).start()
    assert not (tmp_path / "new" / "data").exists()
