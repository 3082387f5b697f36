"""The paths of stored images, which say all that a page needs to know of one."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: Widths in pixels that an image is stored in, as far as it is that wide.
WIDTHS: Final = (480, 960, 1600)

_PATH = re.compile(
    r"/images/(?P<owner>[a-z][a-z0-9_]*)/(?P<name>(?P<digest>[0-9a-f]{32})"
    r"-(?P<width>[1-9]\d{0,4})x(?P<height>[1-9]\d{0,4}))/(?P<file>[1-9]\d{0,3}\.(jpg|png))"
)
FILE: Final = re.compile(r"[1-9]\d{0,3}\.(jpg|png|webp)")
NAME: Final = re.compile(r"[0-9a-f]{32}-[1-9]\d{0,4}x[1-9]\d{0,4}")
OWNER: Final = re.compile(r"[a-z][a-z0-9_]*")


class ImagePath(NamedTuple):
    """The path of an image's largest variant, in parts. ``width`` and ``height`` are its size."""

    owner: str
    name: str
    width: int
    height: int
    extension: str

    @classmethod
    def parse(cls, path: str) -> ImagePath | None:
        """Return the parts of a path that ``Images.add`` returned; ``None`` for any other text."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        return cls(
            found["owner"],
            found["name"],
            int(found["width"]),
            int(found["height"]),
            found["file"].rpartition(".")[2],
        )

    @property
    def widths(self) -> list[int]:
        """The widths that it is stored in, the smallest first."""
        return [width for width in WIDTHS if width < self.width] + [self.width]

    def variant(self, width: int, extension: str = "") -> str:
        """Return the path of one variant."""
        return f"/images/{self.owner}/{self.name}/{width}.{extension or self.extension}"

    def __str__(self) -> str:
        return self.variant(self.width)
