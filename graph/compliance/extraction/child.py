"""Read a document from standard input, and write its pages to standard output, as JSON.

It runs in a process of its own (`graph.compliance.extraction.process`), since a document may be
made to use up memory or time.
"""

import io
import json
import re
import resource
import sys
from collections.abc import Iterator
from typing import Any

MAX_PAGES = 1_000
MAX_CHARACTERS = 2_000_000
PAGE_LENGTH = 3_000
"""Characters of a page of a text that has none."""
CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\ud800-\udfff]")


class UnreadableError(Exception):
    """The document cannot be read. The message is for its user."""


def of_pdf(content: bytes) -> Iterator[str]:
    """Yield the text of each page of a PDF."""
    import pypdf  # noqa: PLC0415 (each type has a library of its own)

    reader = pypdf.PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableError("The document is encrypted.")
    for page in reader.pages:
        yield page.extract_text()


def of_docx(content: bytes) -> Iterator[str]:
    """Yield the text of a DOCX document, in pages as long as printed ones."""
    import docx  # noqa: PLC0415 (as above)

    document = docx.Document(io.BytesIO(content))
    yield from paginated("\n".join(_texts(document)))


def _texts(part: Any) -> Iterator[str]:
    for item in part.iter_inner_content():
        if hasattr(item, "rows"):
            for row in item.rows:
                yield "\t".join(cell.text for cell in row.cells)
        else:
            yield item.text


def of_text(content: bytes) -> Iterator[str]:
    """Yield the pages of a plain text, which form feeds separate."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    for part in text.split("\f"):
        yield from paginated(part)


def paginated(text: str) -> Iterator[str]:
    """Yield parts of a text that end with a line, of about `PAGE_LENGTH` characters."""
    page: list[str] = []
    length = 0
    for line in text.splitlines(keepends=True):
        for start in range(0, len(line), PAGE_LENGTH):
            piece = line[start : start + PAGE_LENGTH]
            if length and length + len(piece) > PAGE_LENGTH:
                yield "".join(page)
                page, length = [], 0
            page.append(piece)
            length += len(piece)
    if page:
        yield "".join(page)


READERS = {
    "application/pdf": of_pdf,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": of_docx,
    "text/plain": of_text,
}


def pages_of(media_type: str, content: bytes) -> list[str]:
    """Return the pages of a document, without control characters. Raises UnreadableError."""
    pages: list[str] = []
    length = 0
    for text in READERS[media_type](content):
        pages.append(CONTROL.sub("", text))
        length += len(text)
        if len(pages) > MAX_PAGES or length > MAX_CHARACTERS:
            limit = f"{MAX_PAGES:,} pages and {MAX_CHARACTERS:,} characters"
            raise UnreadableError(f"The document has more than {limit}.")
    if not any(page.strip() for page in pages):
        raise UnreadableError("The document has no text. A scan has to be recognized first.")
    return pages


def main() -> None:
    """Extract one document. The arguments are its type, and the limits of memory and time."""
    media_type, memory, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        answer: dict[str, Any] = {"pages": pages_of(media_type, sys.stdin.buffer.read())}
    except UnreadableError as error:
        answer = {"fault": str(error)}
    except MemoryError:
        answer = {"fault": "The document needs too much memory to be read."}
    except Exception:  # noqa: BLE001 (libraries raise anything for a damaged document)
        answer = {"fault": "The document is damaged, or of another type than its name says."}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
