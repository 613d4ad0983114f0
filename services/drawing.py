"""A picture drawn anew: what a file shows, at most 512 pixels wide and high, in sRGB, and nothing else of it."""

import struct
import zlib
from io import BytesIO
from threading import Lock

from PIL import Image, ImageCms
from PIL.Image import Transpose
from PIL.JpegImagePlugin import JpegImageFile

from errors import Busy, InvalidImage

FORMATS = ("PNG", "JPEG", "GIF")
LONGEST_SIDE = 512
MOST_SIDE = 16_384
"""Of a sent picture: what is kept for each line costs more than its pixels where there are millions of lines."""
GREAT_PIXELS, WAIT_SECONDS = 6_000_000, 5
"""One at a time: a picture of 25 million pixels takes 100 MB while it is drawn."""
STRIP_ROWS = 16
SRGB = ImageCms.createProfile("sRGB")
MOST_PROFILE = 4 * 1024 * 1024
QUALITY = 88
Image.MAX_IMAGE_PIXELS = None  # the bound is ours, see `_anew`
ORIENTATION = 0x0112
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What brings a picture upright, by its orientation (Exif 2.32 §4.6.4)."""
BROKEN = (OSError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError, EOFError, struct.error, zlib.error)
"""Pillow has no one exception for a bad file."""
_great = Lock()


def drawn(file: bytes, most_pixels: int) -> tuple[bytes, str]:
    """The picture and its suffix. Raises InvalidImage, and Busy where other great ones are being drawn."""
    try:
        with Image.open(BytesIO(file), formats=FORMATS) as image:
            return _anew(image, most_pixels)
    except (*BROKEN, MemoryError) as error:
        raise InvalidImage from error


def _anew(image: Image.Image, most_pixels: int) -> tuple[bytes, str]:
    """Measured by its header before a pixel is decoded."""
    width, height = image.size
    if width * height > most_pixels:
        raise InvalidImage(f"A picture has at most {most_pixels} pixels.")
    if max(width, height) > MOST_SIDE:
        raise InvalidImage(f"A picture is at most {MOST_SIDE} pixels wide and high.")
    if width * height <= GREAT_PIXELS:
        return _redrawn(image)
    if not _great.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        return _redrawn(image)
    finally:
        _great.release()


def _redrawn(image: Image.Image) -> tuple[bytes, str]:
    is_photograph, turn, profile = isinstance(image, JpegImageFile), _turn(image), image.info.get("icc_profile")
    picture = image if is_photograph else _coarser(image)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    pixels = _in_srgb(picture, profile).convert("RGB" if is_photograph else "RGBA")
    pixels = pixels.transpose(turn) if turn is not None else pixels
    fresh = Image.new(pixels.mode, pixels.size)
    fresh.paste(pixels)
    target = BytesIO()
    if is_photograph:
        fresh.save(target, "JPEG", quality=QUALITY)
    else:
        fresh.save(target, "PNG")
    return target.getvalue(), "jpg" if is_photograph else "png"


def _turn(image: Image.Image) -> Transpose | None:
    """Damaged metadata turns nothing; the picture itself may be whole."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION, 1))
    except BROKEN:
        image.load()  # raises again where it was the picture
        return None


def _coarser(image: Image.Image) -> Image.Image:
    """Blendable, and made smaller in whole steps, strip by strip: else a copy of all pixels would stand beside them."""
    step = max(image.size) // (2 * LONGEST_SIDE)
    if step < 2:
        return _blendable(image)
    width, height = image.size
    found: Image.Image | None = None
    for top in range(0, height, step * STRIP_ROWS):
        strip = _blendable(image.crop((0, top, width, min(top + step * STRIP_ROWS, height)))).reduce(step)
        found = found or Image.new(strip.mode, (strip.width, -(-height // step)))
        found.paste(strip, (0, top // step))
    return found or image


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """As its color profile means it: without the profile, which does not survive, it would look pale or garish."""
    if not profile or len(profile) > MOST_PROFILE:
        return picture
    opaque = picture.convert("RGB") if picture.mode == "RGBA" else picture
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        colors = ImageCms.profileToProfile(opaque, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, *BROKEN):
        return picture  # a profile that is damaged, or for other colors than these
    if colors is None:
        return picture
    if picture.mode == "RGBA":
        colors.putalpha(picture.getchannel("A"))
    return colors


def _blendable(image: Image.Image) -> Image.Image:
    """A palette is resized without blending, and sixteen bits not at all."""
    if image.mode in ("RGB", "RGBA", "L", "LA"):
        return image
    if image.mode.startswith("I"):
        return image.convert("I").point([value >> 8 for value in range(65536)], "L")
    return image.convert("RGBA")
