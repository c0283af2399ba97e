"""A tap on the connection to PostgreSQL: every statement that a client sends.

It reads the messages of the frontend (PostgreSQL documentation, 55.7), so that nothing that runs
in the client, be it a pool, a driver or the ORM, can hide a statement from it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


@dataclass
class Wire:
    """The statements sent so far through `dsn`, on all connections."""

    dsn: str
    connections: list[list[str]] = field(default_factory=list)

    def forget(self) -> None:
        """Drop the statements so far."""
        for statements in self.connections:
            statements.clear()

    def transactions(self) -> list[list[str]]:
        """Return the statements between each BEGIN and its COMMIT or ROLLBACK."""
        found: list[list[str]] = []
        for statements in self.connections:
            inside = False
            for statement in statements:
                words = statement.upper().rstrip("; ").split()
                if words[:1] == ["BEGIN"]:
                    found.append([])
                    inside = True
                elif words in (["COMMIT"], ["ROLLBACK"]):
                    inside = False
                elif inside:
                    found[-1].append(statement)
        return found


@asynccontextmanager
async def tapped(dsn: str) -> AsyncIterator[Wire]:
    """Yield a proxy to this server that records statements."""
    address = urlsplit(dsn)
    wire = Wire("")

    async def connected(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(address.hostname, address.port)
        async with asyncio.TaskGroup() as group:
            wire.connections.append(statements := [])
            group.create_task(_listened(client, to_server, statements))
            group.create_task(_passed(server, to_client))

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    user, _, _ = address.netloc.rpartition("@")
    here = address._replace(netloc=f"{user}@127.0.0.1:{port}", query="sslmode=disable")
    wire.dsn = urlunsplit(here)
    try:
        yield wire
    finally:
        listener.close()


async def _passed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


async def _listened(
    client: asyncio.StreamReader, server: asyncio.StreamWriter, statements: list[str]
) -> None:
    """Pass on whole messages, and record those that run a statement."""
    prepared: dict[bytes, str] = {}
    portals: dict[bytes, str] = {}
    started = False
    try:
        while True:
            kind = await client.readexactly(1) if started else b""
            length = await client.readexactly(4)
            body = await client.readexactly(int.from_bytes(length) - 4)
            started = True
            match kind:
                case b"Q":
                    statements.append(body[:-1].decode())
                case b"P":
                    name, text, _ = body.split(b"\0", 2)
                    prepared[name] = text.decode()
                case b"B":
                    portal, name, _ = body.split(b"\0", 2)
                    portals[portal] = prepared[name]
                case b"E":
                    statements.append(portals[body.split(b"\0", 1)[0]])
            server.write(kind + length + body)
            await server.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        server.close()
