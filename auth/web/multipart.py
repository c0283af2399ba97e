"""Forms with a file (RFC 7578), read whole within limits."""

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from auth.web.forms import read_body
from db.problem import Problem

FORM = "multipart/form-data"
MAX_PARTS = 20
MAX_HEAD = 2_000
"""Bytes of a line in the header of a part."""
MAX_FIELD = 10_000
"""Bytes of a field that is no file."""
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
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    boundary = parameters.get(b"boundary")
    if kind.lower() != FORM.encode() or not boundary:
        raise Problem("BAD_REQUEST", f"Forms with a file must be sent as {FORM}.")
    return parsed(await read_body(request, most), boundary)


def parsed(body: bytes, boundary: bytes) -> tuple[dict[str, str], Upload | None]:
    """Return the fields and the file of a body. Raises BAD_REQUEST."""
    fields, files = parsed_files(body, boundary)
    if len(files) > 1:
        raise Problem("BAD_REQUEST", "The form has a duplicate field.")
    return fields, files[0][1] if files else None


def parsed_files(body: bytes, boundary: bytes) -> tuple[dict[str, str], list[tuple[str, Upload]]]:
    """Return the fields of a body, and its files with the names of their fields, in order.

    Raises BAD_REQUEST.
    """
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks, max_header_size=MAX_HEAD)  # type: ignore[arg-type]
        parser.write(body)
    except FormParserError:
        raise Problem("BAD_REQUEST", NOT_READ) from None
    if not form.is_whole:
        raise Problem("BAD_REQUEST", NOT_READ)
    return form.fields, form.files


@dataclass
class _Form:
    """The parsed parts of a form, and the part that is being parsed."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, Upload]] = field(default_factory=list)
    is_whole: bool = False
    """True when the last boundary was there."""
    parts: int = 0
    header: bytes = b""
    disposition: bytes = b""
    value: bytes = b""
    content: bytearray = field(default_factory=bytearray)

    @property
    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self.begin,
            "on_header_field": self.add_name,
            "on_header_value": self.add_value,
            "on_header_end": self.end_header,
            "on_part_data": self.add_content,
            "on_part_end": self.end_part,
            "on_end": self.end,
        }

    def begin(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise Problem("BAD_REQUEST", NOT_READ)
        self.header = self.disposition = self.value = b""
        self.content = bytearray()

    def add_name(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def add_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def end_header(self) -> None:
        if self.header.lower() == b"content-disposition":
            self.disposition = self.value
        self.header = self.value = b""

    def add_content(self, data: bytes, start: int, end: int) -> None:
        self.content += data[start:end]

    def end_part(self) -> None:
        _, options = parse_options_header(self.disposition)
        if b"name" not in options:
            raise Problem("BAD_REQUEST", NOT_READ)
        name = _text(options[b"name"])
        is_file = b"filename" in options
        if name in self.fields:
            raise Problem("BAD_REQUEST", "The form has a duplicate field.")
        if is_file:
            upload = Upload(_text(options[b"filename"]), bytes(self.content))
            self.files.append((name, upload))
        elif len(self.content) > MAX_FIELD:
            raise Problem("BAD_REQUEST", f"A field has at most {MAX_FIELD} bytes.")
        else:
            self.fields[name] = _text(bytes(self.content))

    def end(self) -> None:
        self.is_whole = True


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise Problem("BAD_REQUEST", "The form is not UTF-8.") from None
