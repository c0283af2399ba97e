"""The files of the demonstration: notes of each document, and a thumbnail."""

import struct
import zlib
from hashlib import sha256

from auth.policy.scopes import scopes_beneath
from auth.session import ViewerSession
from db.requirements.documents import Document
from db.requirements.files import File, FilePurpose, FileState
from graph.kit.storage import Storage, Stored

SIDE = 48
"""Pixels of a side of the thumbnail."""


async def add_files(session: ViewerSession, storage: Storage) -> None:
    """Store files of the documents that the viewer can read."""
    documents = await session.rows(Document, order=(Document.created_at, Document.id))
    contents: dict[Stored, bytes] = {}
    async with session.transaction() as transaction:
        for row in documents:
            notes = f"Notes of the review of “{row.name}”.\n".encode()
            for name, media_type, content, purpose in (
                ("Review notes.txt", "text/plain", notes, FilePurpose.ATTACHMENT),
                ("Thumbnail.png", "image/png", _picture(), FilePurpose.THUMBNAIL),
            ):
                digest = sha256(content).digest()
                file = File(
                    **scopes_beneath(Document, row),  # type: ignore[arg-type]
                    name=name,
                    media_type=media_type,
                    size=len(content),
                    state=FileState.STORED,
                    sha256=digest,
                    purpose=purpose,
                )
                transaction.add(file)
                contents[Stored(file.id, digest, name, media_type)] = content
        for stored, content in contents.items():
            await storage.put(stored, content)


def _picture() -> bytes:
    """Return a PNG image: waves."""
    lines = b"".join(
        b"\0" + bytes(40 + (x * x + y * y * 3) // 8 % 120 for x in range(SIDE)) for y in range(SIDE)
    )
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
