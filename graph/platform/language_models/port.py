"""The port to a language model with an API compatible with OpenAI (chat completions).

Every answer is bounded in bytes, tokens and seconds, and read by a Pydantic model. One that does
not fit is asked for once more, and refused then.
"""

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

import httpx2
import orjson
from pydantic import BaseModel, ValidationError

from graph.kit.model_terms import ASKED, ModelTerms

A = TypeVar("A", bound=BaseModel)

MAX_ANSWER_BYTES = 1_000_000
"""Bytes of one answer over HTTP."""
MAX_REPEATED = 4_000
"""Characters of an invalid answer that are shown to the model again."""
AGAIN = "The answer does not have the form that was asked for. Answer with the JSON object alone."
OK, TOO_MANY, SERVER_ERROR = 200, 429, 500


class ModelUnreachable(Exception):
    """The model did not answer now: it may do so later."""


class ModelRefused(Exception):
    """The answer is of no use, and would be again. `tokens` are those that were used."""

    def __init__(self, message: str, tokens: int = 0) -> None:
        super().__init__(message)
        self.tokens = tokens


@dataclass(frozen=True)
class Completion(Generic[A]):
    """A valid answer, and the tokens that it took."""

    answer: A
    tokens: int


class ModelSettings(Protocol):
    """The settings of the language model."""

    language_model_url: str
    language_model_key: Any
    language_model_name: str
    language_model_timeout: float
    language_model_max_tokens: int
    language_model_credits_per_1000_tokens: int
    language_model_monthly_credits: int


@dataclass(frozen=True)
class LanguageModel:
    """A language model at an address of the operator, which may be in their own network."""

    url: str
    terms: ModelTerms
    key: str | None = field(default=None, repr=False)
    timeout: float = 60.0

    async def complete(self, instructions: str, data: str, form: type[A]) -> Completion[A]:
        """Return the model's answer in this form. `data` is quoted: it comes from users.

        Raises ModelUnreachable and ModelRefused.
        """
        messages = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": data},
        ]
        tokens = 0
        for _ in range(ASKED):
            try:
                text, used = await self._ask(messages)
            except ModelRefused as refused:
                refused.tokens += tokens
                raise
            tokens += used
            try:
                return Completion(form.model_validate_json(text), tokens)
            except ValidationError:
                messages = [
                    *messages[:2],
                    {"role": "assistant", "content": text[:MAX_REPEATED]},
                    {"role": "user", "content": AGAIN},
                ]
        raise ModelRefused("The answer of the language model was invalid twice.", tokens)

    async def _ask(self, messages: list[dict[str, str]]) -> tuple[str, int]:
        """Return the text of one answer, and the tokens used."""
        body = {
            "model": self.terms.name,
            "messages": messages,
            "max_tokens": self.terms.max_tokens,
            "temperature": 0,
            "stream": False,
            "response_format": {"type": "json_object"},
        }
        status, content = await self._post(orjson.dumps(body))
        if status == TOO_MANY or status >= SERVER_ERROR:
            raise ModelUnreachable(f"The language model answered with the status {status}.")
        if status != OK:
            raise ModelRefused(f"The language model answered with the status {status}.")
        return _read(content, self.terms.max_tokens)

    async def _post(self, content: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            async with (
                asyncio.timeout(self.timeout),
                httpx2.AsyncClient(
                    verify=_trust(), trust_env=False, timeout=self.timeout, follow_redirects=False
                ) as client,
                client.stream(
                    "POST", f"{self.url}/chat/completions", headers=headers, content=content
                ) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ModelRefused("The answer of the language model is too long.")
                return response.status_code, bytes(body)
        except TimeoutError:
            message = f"The language model did not answer within {self.timeout:g} seconds."
            raise ModelUnreachable(message) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ModelUnreachable("The language model cannot be reached.") from error


def _read(content: bytes, most: int) -> tuple[str, int]:
    """Return the text of an answer, and the tokens used. Raises ModelRefused for any other form."""
    try:
        answer = orjson.loads(content)
        tokens = _tokens(answer)
        (choice, *_) = answer["choices"]
        message = choice["message"]
        text, calls, reason = (
            message.get("content"),
            message.get("tool_calls") or message.get("function_call"),
            choice.get("finish_reason"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise ModelRefused("The answer of the language model has another form.") from None
    if calls:
        raise ModelRefused("The language model called a tool, of which it has none.", tokens)
    if reason == "length":
        raise ModelRefused(f"The answer would have more than {most} tokens.", tokens)
    if not isinstance(text, str):
        raise ModelRefused("The answer of the language model has no text.", tokens)
    return text, tokens


def _tokens(answer: Any) -> int:
    """Return the tokens that an answer says it took; 0 if it says nothing that can be true."""
    usage = answer.get("usage")
    number = usage.get("total_tokens") if isinstance(usage, dict) else None
    return number if type(number) is int and number >= 0 else 0


@cache
def _trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def language_model_of(settings: ModelSettings) -> LanguageModel | None:
    """Return the language model of the settings; None if there is none."""
    if not settings.language_model_url:
        return None
    key, terms = settings.language_model_key, model_terms_of(settings)
    assert terms is not None  # noqa: S101 (there is a model)
    return LanguageModel(
        settings.language_model_url,
        terms,
        key.get_secret_value() if key else None,
        settings.language_model_timeout,
    )


def model_terms_of(settings: ModelSettings) -> ModelTerms | None:
    """Return the terms of the language model of the settings; None if there is none."""
    if not settings.language_model_url:
        return None
    return ModelTerms(
        settings.language_model_name,
        settings.language_model_max_tokens,
        settings.language_model_credits_per_1000_tokens,
        settings.language_model_monthly_credits,
    )
