"""Cached responses, dropped as soon as a row or table changes that they were read from.

``ResponseCache._on_change`` in ``response_cache`` drops them. ``responses`` has what is cached: a
``CompleteResponse``, and the ``CachedResponse`` made of it.
"""

from changemaker_core.cache.response_cache import ResponseCache
from changemaker_core.cache.responses import CachedResponse, CompleteResponse

__all__ = ["CachedResponse", "CompleteResponse", "ResponseCache"]
