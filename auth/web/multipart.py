"""Forms with a file (RFC 7578), read whole within a limit.

A body of this size needs no parser that reads a stream: it is split at its boundary.
"""

import re
from dataclasses import dataclass

from starlette.requests import Request

from auth.web.forms import read_body
from db.problem import Problem

FORM = "multipart/form-data"
MAX_PARTS = 20
MAX_HEAD = 2_000
"""Bytes of the header of a part."""
MAX_FIELD = 10_000
"""Bytes of a field that is no file."""
_BOUNDARY = re.compile(r"boundary=\"?([0-9A-Za-z'()+_,./:=?-]{1,70})\"?(?:;|$)")
_NAME = re.compile(rb'[; ]name="([^"\r\n]*)"')
_FILE = re.compile(rb'[; ]filename="([^"\r\n]*)"')
NOT_READ = "The form is not multipart/form-data that can be read."


@dataclass(frozen=True)
class Upload:
    """A file of a form: the name that its sender gave it, and its content."""

    name: str
    content: bytes


async def read_upload(request: Request, most: int) -> tuple[dict[str, str], Upload | None]:
    """Return the fields of a form, and its file.

    Raises BAD_REQUEST when it is none, has several files, or more than `most` bytes.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    boundary = _BOUNDARY.search(parameters.strip())
    if kind.strip().lower() != FORM or boundary is None:
        raise Problem("BAD_REQUEST", f"Forms with a file must be sent as {FORM}.")
    return parsed(await read_body(request, most), boundary[1].encode())


def parsed(body: bytes, boundary: bytes) -> tuple[dict[str, str], Upload | None]:
    """Return the fields and the file of a body. Raises BAD_REQUEST."""
    fields: dict[str, str] = {}
    upload: Upload | None = None
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary, MAX_PARTS + 1)
    if len(parts) > MAX_PARTS + 1 or parts[0] or not parts[-1].startswith(b"--"):
        raise Problem("BAD_REQUEST", NOT_READ)
    for part in parts[1:-1]:
        end = part.find(b"\r\n\r\n", 0, MAX_HEAD)
        head = part[: max(end, 0)]
        named, filed = _NAME.search(head), _FILE.search(head)
        if not named or end < 0:
            raise Problem("BAD_REQUEST", NOT_READ)
        name, content = _text(named[1]), part[end + 4 :]
        if name in fields or (filed and upload):
            raise Problem("BAD_REQUEST", "The form has a duplicate field.")
        if filed:
            upload = Upload(_text(filed[1]), content)
        elif len(content) > MAX_FIELD:
            raise Problem("BAD_REQUEST", f"A field has at most {MAX_FIELD} bytes.")
        else:
            fields[name] = _text(content)
    return fields, upload


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise Problem("BAD_REQUEST", "The form is not UTF-8.") from None
