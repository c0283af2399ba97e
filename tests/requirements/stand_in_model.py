"""A language model that stands in for a real one over HTTP, and answers as a test wants."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from graph.kit.model_terms import ModelTerms
from graph.platform.language_models.port import LanguageModel
from tests.serving import served

TERMS = ModelTerms("stand-in", 1_000, 10, 1_000)


@dataclass
class StandIn:
    """The answers that are left, the last of which is repeated, and the requests so far."""

    url: str = ""
    answers: list[Any] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def model(self, *answers: Any, timeout: float = 60.0) -> LanguageModel:
        """Return a model that gives these answers: texts, or functions that return a response."""
        self.answers, self.requests, self.keys = [*answers], [], []
        self.asked.clear()
        self.may_answer.set()
        return LanguageModel(self.url, TERMS, "secret-key", timeout)

    async def answer(self, request: Request) -> Response:
        self.requests.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        self.asked.set()
        await self.may_answer.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer() if callable(answer) else JSONResponse(completion(answer))


def completion(text: Any, tokens: Any = 500, reason: str = "stop", **message: Any) -> Any:
    """Return an answer in the form of the API."""
    message = {"role": "assistant", "content": text, **message}
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {"object": "chat.completion", "choices": choices, "usage": {"total_tokens": tokens}}


def proposal(text: str) -> str:
    """Return the content of a valid answer."""
    return json.dumps({"text": text})


def status(code: int) -> Any:
    """Return an answer of this status."""
    return lambda: JSONResponse({"error": {"message": "no"}}, code)


def endless() -> Response:
    """Return an answer that begins and never ends."""

    async def body():
        yield b'{"choices": ['
        await asyncio.Event().wait()

    return StreamingResponse(body(), media_type="application/json")


@asynccontextmanager
async def standing_in():
    """Serve a stand-in on a port of this machine."""
    one = StandIn()
    app = Starlette(routes=[Route("/v1/chat/completions", one.answer, methods=["POST"])])
    async with served(lambda _: app) as url:
        one.url = f"{url}/v1"
        yield one
