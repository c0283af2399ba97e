"""`gateway listen`: forward the messages of a webhook endpoint to a developer's machine.

It is a client of the API like any other: it reads the deliveries of the endpoint with a token, and
signs them with a secret of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from db.problem import Problem
from graph.commands.database import say
from graph.platform.webhooks.signing import headers_of, new_secret

PAGE, POLL, SECONDS = 50, 2.0, 30.0
PATIENCE = timedelta(hours=1)
"""The time for which a message is waited for that waits itself behind another one."""
DELIVERIES = """
query Deliveries($endpoint: UUID!, $since: DateTime!, $after: String) {
  webhookEndpoint(id: $endpoint) {
    deliveries(first: 50, after: $after, orderBy: [{ by: CREATED_AT }],
      filter: { createdAt: { gte: $since } }) {
      nodes { webhookId eventType createdAt requestBody }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""

Ask = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Sends an operation with variables; returns the answer."""
Send = Callable[[bytes, Mapping[str, str]], Awaitable[str]]
"""Sends a message with its headers; returns what came of it."""


@dataclass
class Listener:
    """Forwards the messages of one endpoint, each once, the oldest first."""

    ask: Ask
    send: Send
    endpoint: str
    since: datetime
    secret: str = field(default_factory=new_secret)
    _seen: dict[str, datetime] = field(default_factory=dict)

    async def forward(self) -> int:
        """Forward the messages that are new, and return their number. Raises Problem."""
        number, waiting = 0, list[datetime]()
        latest, start = self.since, datetime.now(UTC)
        async for delivery in self._deliveries():
            created = datetime.fromisoformat(delivery["createdAt"])
            latest = max(latest, created)
            id, body = delivery["webhookId"], delivery["requestBody"]
            if id in self._seen:
                continue
            if body is None:  # it was not sent yet
                if created > start - PATIENCE:
                    waiting.append(created)
                continue
            self._seen[id] = created
            now = datetime.now(UTC)
            headers = headers_of([self.secret], id, body, now)
            told = await self.send(body.encode(), headers)
            say(f"{now:%H:%M:%S}  {delivery['eventType']}  {id}  {told}")
            number += 1
        self.since = min(waiting, default=latest)
        self._seen = {id: at for id, at in self._seen.items() if at >= self.since}
        return number

    async def _deliveries(self) -> AsyncIterator[dict[str, Any]]:
        after: str | None = None
        while True:
            given = {"endpoint": self.endpoint, "since": self.since.isoformat(), "after": after}
            answer = await self.ask(DELIVERIES, given)
            if errors := answer.get("errors"):
                code = errors[0].get("extensions", {}).get("code", "INVALID")
                raise Problem(code, errors[0]["message"])
            page = answer["data"]["webhookEndpoint"]["deliveries"]
            for delivery in page["nodes"]:
                yield delivery
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]


def listen(
    url: str, token: str, endpoint: str, forward_to: str, *, days: float, secret: str | None
) -> None:
    """Forward messages until Ctrl-C. Raises Problem when the gateway refuses."""
    asyncio.run(_listen(url, token, endpoint, forward_to, days, secret))


async def _listen(
    url: str, token: str, endpoint: str, forward_to: str, days: float, secret: str | None
) -> None:
    async with httpx2.AsyncClient(timeout=SECONDS, trust_env=False) as client:

        async def ask(query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
            response = await client.post(
                f"{url.rstrip('/')}/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {token}"},
            )
            answer: dict[str, Any] = response.json()
            return answer

        async def send(body: bytes, headers: Mapping[str, str]) -> str:
            try:
                response = await client.post(forward_to, content=body, headers=headers)
            except httpx2.HTTPError as error:
                return type(error).__name__
            return str(response.status_code)

        since = datetime.now(UTC) - timedelta(days=days)
        listener = Listener(ask, send, endpoint, since, secret or new_secret())
        say(f"Secret: {listener.secret}")
        say(f"Forwarding to {forward_to}. Press Ctrl-C to stop.")
        while True:
            try:
                await listener.forward()
            except (httpx2.HTTPError, ValueError) as error:
                say(f"{url} does not answer ({type(error).__name__}).")
            await asyncio.sleep(POLL)
