"""Ready-made answers, dropped as soon as a table changes that they were read from."""

from changemaker_core.cache.bytes_cache import BytesCache
from changemaker_core.cache.responses import CachedResponse, CompleteResponse

__all__ = ["BytesCache", "CachedResponse", "CompleteResponse"]
