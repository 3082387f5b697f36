"""Small images: a logo, a poster, a cover. Checked, resized and stored, and shown in templates."""

from changemaker_core.web.images.declarations import IMAGE_USES, ImageUse
from changemaker_core.web.images.errors import ImageRejected, ImagesUnavailable

__all__ = ["IMAGE_USES", "ImageRejected", "ImageUse", "ImagesUnavailable"]
