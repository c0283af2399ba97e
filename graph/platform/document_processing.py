"""The port to a document processor: an HTTP endpoint of the operator that extracts texts.

The endpoint is sent a JSON object with `id`, `name`, `type`, `size`, `url`, `fileUrl` and
`gumloopName`, and answers with a JSON object with `text`.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import httpx2
import orjson

MAX_ANSWER_BYTES = 2_000_000
"""Bytes of an answer, at most."""
MAX_TEXT_LENGTH = 500_000
"""Characters of a text that is stored; the rest is left out."""
OK, TOO_MANY, SERVER_ERROR = 200, 429, 500


class ProcessorUnreachable(Exception):
    """The processor did not answer now: it may do so later."""


class ProcessorRefused(Exception):
    """The answer is of no use, and would be again."""


class ProcessorSettings(Protocol):
    """The settings of the document processor."""

    document_processor_url: str
    document_processor_key: Any
    document_processor_timeout: float


@dataclass(frozen=True)
class DocumentProcessor:
    """A document processor at an address of the operator, which may be in their own network."""

    url: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 60.0

    async def text_of(self, document: Mapping[str, Any]) -> str:
        """Return the text of a document. Raises ProcessorUnreachable and ProcessorRefused."""
        status, content = await self._post(orjson.dumps(document))
        if status == TOO_MANY or status >= SERVER_ERROR:
            raise ProcessorUnreachable(f"The document processor answered with status {status}.")
        if status != OK:
            raise ProcessorRefused(f"The document processor answered with the status {status}.")
        try:
            text = orjson.loads(content)["text"]
        except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
            text = None
        if not isinstance(text, str):
            raise ProcessorRefused("The answer of the document processor has no text.")
        return text.replace("\x00", "")[:MAX_TEXT_LENGTH]

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
                client.stream("POST", self.url, headers=headers, content=content) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise ProcessorRefused("The answer of the document processor is too long.")
                return response.status_code, bytes(body)
        except TimeoutError:
            message = f"The document processor did not answer within {self.timeout:g} seconds."
            raise ProcessorUnreachable(message) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ProcessorUnreachable("The document processor cannot be reached.") from error


@cache
def _trust() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


def document_processor_of(settings: ProcessorSettings) -> DocumentProcessor | None:
    """Return the document processor of the settings; None if there is none."""
    if not settings.document_processor_url:
        return None
    key = settings.document_processor_key
    return DocumentProcessor(
        settings.document_processor_url,
        key.get_secret_value() if key else None,
        settings.document_processor_timeout,
    )
