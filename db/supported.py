"""The servers that the gateway works with."""

import asyncpg

from db.problem import Problem

OLDEST_SERVER = 150014
"""15.14: the first release of PostgreSQL 15 without a known vulnerability in row level security."""


def require_supported(version: asyncpg.ServerVersion) -> None:
    """Refuse servers with known vulnerabilities in row level security (older than 15.14)."""
    # asyncpg reads 15.14 as 15.0.14.
    if version.major * 10000 + version.micro < OLDEST_SERVER:
        raise Problem(
            "INTERNAL",
            f"PostgreSQL {version.major}.{version.micro} is too old:"
            " the gateway needs 15.14 or later.",
        )
