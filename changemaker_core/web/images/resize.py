"""A program: decodes one image, and writes it in several widths as WebP and as JPEG or PNG.

It runs in a process of its own, with limits and without any secret, since a picture may be hostile.
``python -I resize.py SOURCE FOLDER WIDTH…`` prints one line of JSON: the size and extension of the
largest, or ``{"rejected": reason}`` for a picture, or ``{"failed": reason}`` for the machine.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import warnings
from pathlib import Path

try:
    from PIL import Image, ImageCms, ImageOps
except ImportError as missing:
    sys.stdout.write(json.dumps({"failed": f"Pillow cannot be imported: {missing}"}) + "\n")
    sys.exit()

#: Formats that are decoded, by content: none of them runs code or names other files.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
#: A photograph of a good telephone has 12 to 50 million pixels.
MAX_PIXELS = 50_000_000
#: WebP's own limit is 16,383.
MAX_SIDE = 16_000
WEBP: dict[str, object] = {"quality": 80, "method": 4}
JPEG: dict[str, object] = {"quality": 82, "optimize": True, "progressive": True}
PNG: dict[str, object] = {"optimize": True}


def main(source: str, folder: str, *widths: str) -> None:
    """Write the variants, or print why not."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        image = decoded(source)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        result: dict[str, object] = {"rejected": "too_large"}
    # Pillow's decoders raise many kinds for a broken file: each means that it cannot be read.
    except Exception as error:
        sys.stderr.write(f"{error}\n")
        result = {"rejected": "unreadable"}
    else:
        result = written(image, Path(folder), [int(width) for width in widths])
    _say(result)


def decoded(source: str) -> Image.Image:
    """Return the first frame, upright, in sRGB, without metadata."""
    with Image.open(source, formats=FORMATS) as opened:
        if max(opened.size) > MAX_SIDE:
            raise Image.DecompressionBombError(f"{opened.size}")
        opened.seek(0)
        opened.load()
        profile = opened.info.get("icc_profile")
        image = ImageOps.exif_transpose(opened)
    transparent = "A" in image.getbands() or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "RGB")
    if profile:
        image = _in_srgb(image, profile)
    if image.mode == "RGBA" and image.getchannel("A").getextrema()[0] == 255:
        image = image.convert("RGB")
    # A new image: none of the source's metadata, such as where a photograph was taken, goes along.
    plain = Image.new(image.mode, image.size)
    plain.paste(image)
    return plain


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, own, srgb, outputMode=image.mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a profile of another colour space or a broken one: the colours stay
    return converted or image


def written(image: Image.Image, folder: Path, widths: list[int]) -> dict[str, object]:
    """Write the variants; return the size and extension of the largest."""
    extension = "png" if image.mode == "RGBA" else "jpg"
    largest = min(image.width, max(widths))
    for width in [*(each for each in widths if each < largest), largest]:
        height = max(1, round(image.height * width / image.width))
        variant = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        _save(variant, folder / f"{width}.webp", "WEBP", WEBP)
        kind, options = ("PNG", PNG) if extension == "png" else ("JPEG", JPEG)
        _save(variant, folder / f"{width}.{extension}", kind, options)
    return {"width": largest, "height": height, "extension": extension}


def _save(image: Image.Image, path: Path, kind: str, options: dict[str, object]) -> None:
    """Write one file, and make sure that it survives a power cut."""
    with path.open("xb") as file:
        image.save(file, kind, **options)
        file.flush()
        os.fsync(file.fileno())


def _say(result: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not full:
            raise
        _say({"failed": "the disk is full"})
