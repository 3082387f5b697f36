"""Why an image was not stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_core.text import Text


class ImageRejected(ValueError):
    """The file is not an image that can be stored; ``reason`` is for the person who sent it.

    Uncaught in a responder, it is a 422.
    """

    def __init__(self, reason: Text) -> None:
        super().__init__(str(reason))
        self.reason = reason


class ImagesUnavailable(Exception):
    """Images cannot be stored at the moment: too many wait, resizing takes too long, the disk is
    full, or Pillow is missing.

    Uncaught in a responder, it is a 503.
    """
