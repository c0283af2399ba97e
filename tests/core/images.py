"""Small images that can be decoded, and the same with metadata in every place that holds some."""

import base64
import struct
import zlib

SECRET = b"48.2082N 16.3738E"
"""A place, in the metadata of each image."""
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////"
    "////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)
JPEG += b"\xff\xd9" if not JPEG.endswith(b"\xff\xd9") else b""
GIF = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")
WEBP = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def exif(orientation):
    """Return Exif with an orientation and a place, in the order of bytes of most cameras."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    entries += struct.pack("<HHII", 0x010E, 2, len(SECRET), 38)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0) + SECRET


def chunk(kind, data):
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(*more):
    """Return a PNG of one pixel, with more chunks before its pixels and bytes after its end."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels


def riff(*parts):
    data = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(each)) + each + b"\0" * (len(each) % 2) for kind, each in parts
    )
    return b"RIFF" + struct.pack("<I", len(data)) + data


PNG = png()
VP8 = WEBP[20:]
EXTENDED = b"\x0c" + bytes(9)
APPLICATION = b"\x21\xff\x0bXMP DataXMP" + bytes([len(SECRET)]) + SECRET + b"\0"
COMMENT = b"\x21\xfe" + bytes([len(SECRET)]) + SECRET + b"\0"
PLACED = {
    "jpeg": JPEG[:20]
    + segment(0xE1, b"Exif\0\0" + exif(6))
    + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)
    + segment(0xED, b"Photoshop 3.0\0" + SECRET)
    + segment(0xFE, SECRET)
    + JPEG[20:]
    + SECRET,
    "png": png(chunk(b"eXIf", exif(1)), chunk(b"tEXt", b"Place\0" + SECRET), chunk(b"zzZz", SECRET))
    + SECRET,
    "gif": GIF[:19] + COMMENT + APPLICATION + GIF[19:] + SECRET,
    "webp": riff(
        (b"VP8X", EXTENDED),
        (b"VP8 ", VP8),
        (b"EXIF", exif(1)),
        (b"XMP ", SECRET),
        (b"ABCD", SECRET),
    ),
}
TURNED = segment(
    0xE1,
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0) + bytes(4),
)
SHOWN = {
    "jpeg": JPEG[:20] + TURNED + JPEG[20:],
    "png": PNG,
    "gif": GIF,
    "webp": riff((b"VP8X", bytes(10)), (b"VP8 ", VP8)),
}
"""The images without metadata; that of the photo is still turned."""
