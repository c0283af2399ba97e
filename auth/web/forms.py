"""Forms of browsers, within limits, and paths to return to, never on another site."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.requests import Request

from db.problem import Problem

MAX_BYTES = 16 * 1024
MAX_FIELDS = 20
MAX_PATH_LENGTH = 4000

FORM = "application/x-www-form-urlencoded"


class BodyTooLarge(Problem):
    """A body of more bytes than its kind allows."""

    def __init__(self, most: int) -> None:
        super().__init__("BAD_REQUEST", f"The body has at most {most} bytes.")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises BAD_REQUEST when it is none, too large or not UTF-8."""
    return fields_of(await read_pairs(request))


async def read_pairs(request: Request, most: int = MAX_FIELDS) -> list[tuple[str, str]]:
    """Return the fields of a form in order, some perhaps twice; otherwise as `read_form`.

    Starlette's own parser replaces bytes that are not UTF-8, so that different passwords became
    equal.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem("BAD_REQUEST", f"Forms must be sent as {FORM}.")
    return pairs_of(await read_body(request, MAX_BYTES), most)


async def read_body(request: Request, most: int) -> bytes:
    """Return the body, of at most so many bytes. Raises BodyTooLarge when it is larger."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BodyTooLarge(most)
    return bytes(body)


def pairs_of(encoded: bytes, most: int = MAX_FIELDS) -> list[tuple[str, str]]:
    """Return the fields of a URL-encoded form or query. Raises BAD_REQUEST when it is none."""
    try:
        return parse_qsl(
            encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most
        )
    except ValueError:  # of which UnicodeDecodeError is one
        raise Problem("BAD_REQUEST", "The form is not URL-encoded UTF-8.") from None


def fields_of(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the fields by name. Raises BAD_REQUEST when one occurs twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Problem("BAD_REQUEST", "The form has a duplicate field.")
    return fields


def local_path(target: str | None) -> str:
    r"""Return `target` when it is a path of this site, else `/`.

    Browsers drop tabs and line ends from an address and take a backslash for a slash, so that
    `/\evil.example` and `/<tab>/evil.example` lead elsewhere (WHATWG URL, section 4.4).
    """
    if target is None or len(target) > MAX_PATH_LENGTH:
        return "/"
    return target if re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]*", target) else "/"
