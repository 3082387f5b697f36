"""Who is asking, and what they may do."""

from changemaker_core.identity.actor import Actor
from changemaker_core.identity.finder import Identity

__all__ = ["Actor", "Identity"]
