"""A replacement for the hub: topics in memory, their events, and their followers.

An event is executed once for all followers with the same document, and each gets the same bytes.
Positions count from 1 in each topic; a cursor is a position.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from db.problem import Problem
from graph.http.operation.operations import Operations
from graph.http.operation.ports import Access, Sink, Subscribing


@dataclass(eq=False)
class Following:
    hub: "ToyHub"
    topic: str
    subscribing: Subscribing
    access: Access
    sink: Sink

    def cancel(self) -> None:
        self.hub.topics[self.topic].pop(self, None)
        if not self.hub.topics[self.topic]:
            del self.hub.topics[self.topic]


@dataclass
class ToyHub:
    operations: Operations
    topics: dict[str, dict[Following, None]] = field(default_factory=lambda: defaultdict(dict))
    past: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    cancelled: int = 0

    async def subscribe(self, subscribing: Subscribing, access: Access, sink: Sink) -> Following:
        variables = subscribing.variables
        topic = str(variables.get("topic", ""))
        if topic == "hidden":
            raise Problem("NOT_FOUND", "There is no such topic.")
        if topic == "broken":
            raise ValueError("password=hunter2")
        if topic == "slow":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        following = Following(self, topic, subscribing, access, sink)
        after = subscribing.after or variables.get("after")
        told = self.past[topic]
        for position in range(int(after) if after else len(told), len(told)):
            await sink.ready()
            sink.next(await self.tell(following, told[position]), str(position + 1))
        self.topics[topic][following] = None
        if topic == "finished":
            sink.complete()
        return following

    async def tell(self, following: Following, text: str) -> bytes:
        context = following.subscribing.make_context(following.access.viewer)
        event = SimpleNamespace(text=text)
        payload, _ = await self.operations.tell(following.subscribing, context, event)
        return payload

    async def publish(self, topic: str, text: str) -> int:
        """Send an event to all followers; return their number."""
        self.past[topic].append(text)
        cursor = str(len(self.past[topic]))
        made: dict[Any, bytes] = {}
        members = [*self.topics.get(topic, ())]
        for member in members:
            key = (member.subscribing.document.hash, member.subscribing.name)
            if key not in made:
                made[key] = await self.tell(member, text)
            member.sink.next(made[key], cursor)
        return len(members)

    def followers(self) -> list[Following]:
        return [member for members in self.topics.values() for member in members]
