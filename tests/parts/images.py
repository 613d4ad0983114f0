"""Pictures as people and attackers send them: made by Pillow, then edited byte by byte."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

CANARY = b"CANARY-4711-CANARY"
RED, BLUE = (220, 20, 20), (20, 20, 220)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def plain(size: tuple[int, int] = (60, 40), colour: Any = RED, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def marked(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Blue, and red in the upper left quarter, so that it shows how it is turned."""
    image = plain(size, BLUE)
    image.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    return image


def png(**options: Any) -> bytes:
    return encoded(marked(), "PNG", **options)


def jpeg(**options: Any) -> bytes:
    return encoded(marked(), "JPEG", **options)


def gif(**options: Any) -> bytes:
    return encoded(marked(), "GIF", **options)


def noisy(size: int, kind: str = "JPEG") -> bytes:
    """A picture whose file is at least so many bytes, and not much more."""
    side = 64
    while len(found := encoded(Image.effect_noise((side, side), 90).convert("RGB"), kind)) < size:
        side = side * 5 // 4
    return found


def of_size(size: int) -> bytes:
    """A PNG of exactly so many bytes."""
    start = png()
    return with_chunks(start, [(b"prVt", bytes(size - len(start) - 12))])


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunks(file: bytes, chunks: list[tuple[bytes, bytes]], position: int = 33) -> bytes:
    """A PNG with these chunks, by default behind its header."""
    return file[:position] + b"".join(chunk(*one) for one in chunks) + file[position:]


def chunks_of(file: bytes) -> list[str]:
    """The names of a PNG's chunks; fails where anything stands behind the last."""
    found, position = [], 8
    while position < len(file):
        (length,) = struct.unpack_from(">I", file, position)
        found.append(file[position + 4 : position + 8].decode())
        position += 12 + length
    assert (position, found[-1]) == (len(file), "IEND")
    return found


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def with_segments(file: bytes, segments: list[tuple[int, bytes]]) -> bytes:
    """A JPEG with these segments behind its start."""
    return file[:2] + b"".join(segment(*one) for one in segments) + file[2:]


def segments_of(file: bytes) -> list[int]:
    """The markers of a baseline JPEG up to its scan; fails unless the file ends with that scan."""
    return list(_segments(file))


def _segments(file: bytes) -> Iterator[int]:
    position = 2
    while True:
        marker, (length,) = file[position + 1], struct.unpack_from(">H", file, position + 2)
        yield marker
        position += 2 + length
        if marker == 0xDA:
            break
    scan = file[position:]
    assert scan.index(b"\xff\xd9") == len(scan) - 2
    assert all(scan[index + 1] in (0x00, 0xD9) for index, byte in enumerate(scan[:-1]) if byte == 0xFF)


def swapped_profile() -> bytes:
    """A color profile whose red is everybody's blue."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tmp!", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmp!", b"bXYZ", 1)


def narrow(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel, all alike; of a great height some 50 kB."""
    packed = zlib.compressobj(9)
    line = bytes(1 + -(-width // 8))
    lines = max(1, min(height, 1_000_000 // len(line)))
    data = b"".join(packed.compress(line * lines) for _ in range(height // lines)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def located(orientation: int | None = None) -> Image.Exif:
    """Exif with a place on earth, a name, and perhaps an orientation."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x8298] = CANARY.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 28.0, 38.0), 3: "W", 4: (0.0, 0.0, 0.0), 29: "2026:01:01"})
    if orientation:
        exif[0x0112] = orientation
    return exif


def bomb(side: int = 13000) -> bytes:
    """A PNG of some 20 kB that decodes to hundreds of megabytes."""
    row = zlib.compressobj(9)
    line = bytes(1 + side // 8)
    data = b"".join(row.compress(line) for _ in range(side)) + row.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def scans(count: int, side: int = 5000) -> bytes:
    """A progressive JPEG of `count` scans, each of which walks over the whole picture in some forty bytes."""
    blocks = (side // 8) ** 2
    tables = segment(0xDB, b"\0" + b"\1" * 64)
    tables += segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0") + segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    first = segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8 + 1)
    run = "0" + "0" * 14  # an end of band for 16384 blocks
    bits = run * -(-blocks // 16384)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"\xff\xd8" + tables + frame + first + (segment(0xDA, b"\1\1\x10\1\x3f\0") + data) * count + b"\xff\xd9"


def gif_with(blocks: bytes, size: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF of one frame with these blocks before it."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\xdc\x14\x14\x14\x14\xdc"
    return head + blocks + b"," + struct.pack("<HHHHB", 0, 0, *size, 0) + b"\x02\x02\x44\x01\x00;"
