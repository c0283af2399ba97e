"""Tabs of people who are present in a document, each with a WebSocket of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID, uuid4

import httpx

from tests.http.connected import Socket, socket
from tests.loop import within

FOLLOW = """
subscription ($document: UUID!, $client: UUID!) {
  presence(documentId: $document, clientId: $client) {
    at present: participants {
      clientId since person { id fullName }
      focus { entityId field start end } leases { entityId field until }
    }
  }
}
"""
POINT = """
mutation ($document: UUID!, $client: UUID!, $focus: PresenceFocusInput) {
  presenceUpdate(input: { documentId: $document, clientId: $client, focus: $focus }) {
    present: participant { clientId focus { entityId field start end } }
  }
}
"""
TAKE = """
mutation ($document: UUID!, $client: UUID!, $entity: UUID!, $field: String!) {
  leaseTake(input: {
    documentId: $document, clientId: $client, entityId: $entity, field: $field
  }) { taken lease { entityId field until } holder { clientId person { id } } }
}
"""
RELEASE = """
mutation ($document: UUID!, $client: UUID!, $entity: UUID!, $field: String!) {
  leaseRelease(input: {
    documentId: $document, clientId: $client, entityId: $entity, field: $field
  }) { released }
}
"""
PATIENCE = 20


class Tab:
    """A present client; it stores the last list of participants that it received."""

    def __init__(self, wire: Socket, document: UUID, client: UUID) -> None:
        self.wire, self.document, self.client = wire, document, client
        self.told = []
        self.ended = None
        self._answers = {}
        self._news = asyncio.Event()

    async def listen(self) -> None:
        while True:
            message = await self.wire.receive(PATIENCE * 10)
            if message.get("id") == "here" and message["type"] == "next":
                assert "errors" not in message["payload"], message
                self.told.append(message["payload"]["data"]["presence"])
            elif message.get("id") == "here":
                self.ended = message
            elif message["type"] != "complete":
                self._answers.pop(message["id"]).set_result(message["payload"])
            self._news.set()

    @property
    def present(self) -> dict[str, dict]:
        """Return the participants by client, as last received."""
        return {one["clientId"]: one for one in self.told[-1]["present"]} if self.told else {}

    async def until(self, condition, patience: float = PATIENCE) -> None:
        """Wait until the condition is true."""
        async with within(patience):
            while not condition(self):
                self._news.clear()
                await self._news.wait()

    async def sees(self, *others: "Tab", patience: float = PATIENCE) -> None:
        """Wait until exactly these are present."""
        wanted = {str(other.client) for other in others}
        await self.until(lambda tab: set(tab.present) == wanted, patience)

    async def answer(self, query: str, **variables) -> dict:
        """Return the whole answer to an operation on the same socket."""
        id = str(uuid4())
        self._answers[id] = asyncio.get_running_loop().create_future()
        variables = {"document": self.document, "client": self.client} | variables
        sent = {name: str(v) if isinstance(v, UUID) else v for name, v in variables.items()}
        await self.wire.subscribe(id, query, **sent)
        payload = await asyncio.wait_for(self._answers[id], PATIENCE)
        return {"errors": payload} if isinstance(payload, list) else payload

    async def ask(self, query: str, **variables) -> dict:
        """Return the one root field of the answer."""
        answer = await self.answer(query, **variables)
        assert "errors" not in answer, answer
        return next(iter(answer["data"].values()))

    async def code(self, query: str, **variables) -> str | None:
        """Return the code of the first error."""
        errors = (await self.answer(query, **variables)).get("errors")
        return errors[0]["extensions"]["code"] if errors else None

    def focus_of(self, other: "Tab") -> dict | None:
        return self.present.get(str(other.client), {}).get("focus")

    def leases_of(self, other: "Tab") -> list[str]:
        leases = self.present.get(str(other.client), {}).get("leases", [])
        return [lease["field"] for lease in leases]


@asynccontextmanager
async def tab(url: str, world, person: str, client: UUID | None = None) -> AsyncIterator[Tab]:
    """Yield a person's tab in the world's document, through the gateway at this address."""
    async with socket(url, await world.token(person)) as wire:
        opened = Tab(wire, world.document, client or uuid4())
        listening = asyncio.create_task(opened.listen())
        variables = {"document": str(opened.document), "client": str(opened.client)}
        await wire.subscribe("here", FOLLOW, **variables)
        await opened.until(lambda tab: tab.told or tab.ended)
        yield opened
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def answering(url: str) -> None:
    """Wait until the server answers."""
    async with within(90), httpx.AsyncClient(base_url=url) as client:
        while True:
            with suppress(httpx.TransportError):
                await client.get("/healthz")
                return
            await asyncio.sleep(0.05)
