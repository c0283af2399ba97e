"""Removal of metadata from images: places, times, devices, names, comments and hidden thumbnails.

What is needed to show the image is kept: its pixels, colours, transparency, animation, and the
orientation of a photo. Formats: JPEG (ITU-T T.81) with Exif (CIPA DC-008), PNG (W3C), GIF89a, and
WebP (RFC 9649). Pixels are not decoded.
"""

import struct
from collections.abc import Callable, Iterator

PNG, JPEG, GIF, WEBP = "image/png", "image/jpeg", "image/gif", "image/webp"
PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB"}
    | {b"cICP", b"mDCV", b"cLLI", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT"}
)
WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
WEBP_FLAGS = 0x0C
"""The flags of VP8X for Exif and XMP."""
GIF_IMAGE, GIF_EXTENSION, GIF_END = 0x2C, 0x21, 0x3B
GIF_CONTROL, GIF_APPLICATION = 0xF9, 0xFF
"""The extensions with the time and the transparency of an image, and of applications."""
GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
FILL, EOI, SOS, COM, TEM = 0xFF, 0xD9, 0xDA, 0xFE, 0x01
RST = range(0xD0, 0xD8)
APP = range(0xE0, 0xF0)
APP0, APP1, APP2, APP14 = 0xE0, 0xE1, 0xE2, 0xEE
EXIF = b"Exif\0\0"
ORIENTATION, SHORT = 0x0112, 3
TURNED = range(2, 9)


class DamagedImage(Exception):
    """The parts of the image cannot be told from each other."""


def without_metadata(image: bytes, media_type: str) -> bytes:
    """Return an image of one of the four types without its metadata. Raises DamagedImage."""
    parts: dict[str, Callable[[bytes], Iterator[bytes]]] = {JPEG: _jpeg, PNG: _png, GIF: _gif}
    try:
        return _webp(image) if media_type == WEBP else b"".join(parts[media_type](image))
    except (IndexError, struct.error):
        raise DamagedImage from None


def _png(image: bytes) -> Iterator[bytes]:
    yield image[:8]
    at = 8
    while True:
        (size,) = struct.unpack_from(">I", image, at)
        kind, end = image[at + 4 : at + 8], at + 12 + size
        _require(image, end)
        if kind in PNG_KEPT:
            yield image[at:end]
        if kind == b"IEND":
            return
        at = end


def _webp(image: bytes) -> bytes:
    parts = []
    at = 12
    while at + 8 <= len(image):
        kind = image[at : at + 4]
        (size,) = struct.unpack_from("<I", image, at + 4)
        end = at + 8 + size
        _require(image, end)
        data = image[at + 8 : end]
        if kind == b"VP8X":
            data = bytes([data[0] & ~WEBP_FLAGS]) + data[1:]
        if kind in WEBP_KEPT:
            parts.append(kind + struct.pack("<I", size) + data + b"\0" * (size % 2))
        at = end + size % 2
    if not parts:
        raise DamagedImage
    chunks = b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _gif(image: bytes) -> Iterator[bytes]:
    at = 13 + _palette(image[10])
    _require(image, at)
    yield image[:at]
    while image[at] != GIF_END:
        start = at
        if image[at] == GIF_IMAGE:
            at += 10 + _palette(image[at + 9]) + 1
            is_kept = True
        elif image[at] == GIF_EXTENSION:
            label, name = image[at + 1], image[at + 3 : at + 14]
            is_kept = label == GIF_CONTROL or (label == GIF_APPLICATION and name in GIF_LOOPS)
            at += 2
        else:
            raise DamagedImage
        while image[at]:  # blocks of data, each after its size
            at += 1 + image[at]
        at += 1
        if is_kept:
            yield image[start:at]
    yield b"\x3b"


def _palette(flags: int) -> int:
    """Return the bytes of the colours that follow flags in GIF."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _jpeg(image: bytes) -> Iterator[bytes]:
    yield image[:2]
    at, orientation = 2, None
    while True:
        if image[at] != FILL:
            raise DamagedImage
        marker = image[at + 1]
        if marker == FILL:
            at += 1
            continue
        if marker == EOI:
            yield b"\xff\xd9"
            return
        if marker in RST or marker == TEM:
            yield image[at : at + 2]
            at += 2
            continue
        (size,) = struct.unpack_from(">H", image, at + 2)
        end = at + 2 + size
        _require(image, end)
        data = image[at + 4 : end]
        if marker == APP1 and orientation is None and data.startswith(EXIF):
            orientation = _orientation(data[len(EXIF) :])
            if orientation in TURNED:
                yield _turned(orientation)
        if marker == SOS:
            end = _scan_end(image, end)
        if _is_shown(marker, data):
            yield image[at:end]
        at = end


def _is_shown(marker: int, data: bytes) -> bool:
    """Return whether a segment is needed to show a photo: JFIF, colours, or no metadata at all."""
    if marker in APP:
        is_colours = marker == APP14 or (marker == APP2 and data.startswith(b"ICC_PROFILE\0"))
        return is_colours or (marker == APP0 and data.startswith(b"JFIF\0") and len(data) == 14)  # noqa: PLR2004 (without a thumbnail)
    return marker != COM


def _scan_end(image: bytes, at: int) -> int:
    """Return where the next segment after the data of a scan begins."""
    while True:
        at = image.find(b"\xff", at)
        if at < 0:
            raise DamagedImage
        if image[at + 1] != 0 and image[at + 1] not in RST:
            return at
        at += 2


def _orientation(tiff: bytes) -> int:
    """Return the orientation that the first directory of Exif has; 1 if it has none."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (number,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * number, 12):
            tag, type_, _, value = struct.unpack_from(f"{order}HHIH", tiff, entry)
            if tag == ORIENTATION and type_ == SHORT:
                return int(value)
    except struct.error:
        pass
    return 1


def _turned(orientation: int) -> bytes:
    """Return a segment of Exif with the orientation alone."""
    entry = struct.pack(">HHIHH", ORIENTATION, SHORT, 1, orientation, 0)
    data = EXIF + b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


def _require(image: bytes, end: int) -> None:
    if end > len(image):
        raise DamagedImage
