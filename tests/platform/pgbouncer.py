"""A PgBouncer of a test's own, before the server of the tests."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from db.embedded.cluster import _free_port
from db.logins import APPLICATION, AUTHENTICATION, derived_password, password_of, user_of

CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {here}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = {mode}
max_client_conn = 100
"""


@asynccontextmanager
async def pooled(dsn: str, mode: str) -> AsyncIterator[str]:
    """Yield the address of the server through the proxy, with default settings except the mode."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    at, here = urlsplit(dsn), _free_port()
    user, password = user_of(dsn), password_of(dsn)
    users = {user: password} | {
        role: derived_password(role, password) for role in (APPLICATION, AUTHENTICATION)
    }
    with tempfile.TemporaryDirectory() as name:
        listed, file = Path(name) / "users.txt", Path(name) / "pgbouncer.ini"
        os.chmod(name, 0o755)  # noqa: PTH101 (the account of the proxy reads it)
        listed.write_text("".join(f'"{user}" "{users[user]}"\n' for user in users))
        file.write_text(
            CONFIGURATION.format(host=at.hostname, port=at.port, here=here, users=listed, mode=mode)
        )
        account = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen(  # noqa: ASYNC220 (it is started in a moment)
            [program, "-q", *account, str(file)], stderr=subprocess.DEVNULL
        )
        try:
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", here)
                except OSError:
                    assert process.poll() is None, "pgbouncer did not start"
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    break
            netloc = f"{at.netloc.rpartition('@')[0]}@127.0.0.1:{here}"
            yield urlunsplit(at._replace(netloc=netloc, query=""))
        finally:
            process.terminate()
            process.wait()
