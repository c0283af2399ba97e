"""PDF files like those of scanners, made for measurements and tests."""

import os
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

SENTENCE = "Access to customer data is reviewed every quarter by its owner, and recorded. "
SENTENCES = 37
"""Sentences of a page, which is full."""
WIDTH, HEIGHT = 600, 780


def scan(pages: int, said: Mapping[int, str] | None, *, images: bool = False) -> bytes:
    """Return a PDF with this many pages.

    With `said` a page has text, as after a recognition, and these texts are on pages of their
    numbers. With `images` it has a picture of 470 KB that cannot be compressed.
    """
    import typst  # noqa: PLC0415 (it takes 40 MB)

    with tempfile.TemporaryDirectory() as folder:
        source = ["#set page(margin: 1cm)\n#set text(9pt)"]
        for number in range(1, pages + 1):
            parts = []
            if images:
                Path(folder, f"{number}.png").write_bytes(_noise())
                parts.append(f'#place(image("{number}.png", width: 100%, height: 100%))')
            if said is not None:
                parts.append(SENTENCE * SENTENCES + said.get(number, ""))
            source.append("\n".join(parts))
        main = Path(folder, "main.typ")
        main.write_text("\n#pagebreak()\n".join(source).replace("\n#pagebreak()", "", 1))
        content: bytes = typst.compile(str(main), root=folder, format="pdf")
        return content


def _noise() -> bytes:
    """Return a PNG of random grey dots."""
    rows = b"".join(b"\0" + os.urandom(WIDTH) for _ in range(HEIGHT))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(rows, 1),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
