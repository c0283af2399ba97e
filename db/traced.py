"""Connections whose statements are traced."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from db.connection import Remembering

Trace = Callable[[str], AbstractContextManager[None]]
"""Traces one SQL statement, for as long as the block runs."""


def traced(trace: Trace) -> type[Remembering]:
    """Return a class of connections that trace each statement."""

    class Traced(Remembering):
        async def execute(self, query: str, *args: Any, **options: Any) -> Any:
            with trace(query):
                return await super().execute(query, *args, **options)

        async def executemany(self, command: str, args: Any, **options: Any) -> None:
            with trace(command):
                await super().executemany(command, args, **options)

        async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
            with trace(query):
                return await super().fetch(query, *args, **options)

        async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
            with trace(query):
                return await super().fetchrow(query, *args, **options)

        async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
            with trace(query):
                return await super().fetchval(query, *args, **options)

    return Traced
