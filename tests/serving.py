"""Applications on a port of this machine, for clients that connect over the network."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette


@asynccontextmanager
async def served(
    make: Callable[[str], Starlette],
    config: Callable[..., uvicorn.Config] = uvicorn.Config,
    name: str = "127.0.0.1",
) -> AsyncIterator[str]:
    """Yield the address of the application that `make` builds for it, in the test's loop.

    Its host is `name`, which is this machine.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://{name}:{listener.getsockname()[1]}"
        server = uvicorn.Server(config(make(url), lifespan="on", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not serving.done(), "the server did not start"
            await asyncio.sleep(0.05)
        yield url
        server.should_exit = True
        await serving
