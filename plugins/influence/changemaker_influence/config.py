"""Configuration: the ``[influence]`` table of ``changemaker.toml``."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

#: ``directory_file`` of a demonstration: fictional people that ship with the package.
SAMPLE: Final = "sample"
REPRESENT: Final = "https://represent.opennorth.ca"

_Count = Annotated[int, Meta(ge=1, le=10_000)]


class InfluenceConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Defaults suit a site in Canada.

    ``directory``: ``represent``, ``file``, or the name of one that a plugin registers.
    ``represent_url``: the address of Represent, without ``/postcodes/``.
    ``represent_requests_per_minute``: for the whole site; the service allows 60.
    ``lookups_per_minute``: postal codes that are not cached, for one IP address.
    ``directory_file``: for ``file``; relative paths are relative to the site folder. ``sample`` is
    a set of fictional people to try things out with.
    ``directory_cache_days``: how long an entry is used before it is fetched again.
    ``directory_timeout_seconds``: how long a visitor waits for the directory at most.
    ``send_limit_per_hour``: messages, not requests, from one sender.
    ``people_limit_per_hour``: different senders from one IP address; by default 60, or
    ``send_limit_per_hour`` where that is higher.
    ``mailbox_limit_per_hour``: messages to one address from one IP address; by default 60, or
    ``people_limit_per_hour`` where that is higher.
    """

    directory: str = "represent"
    represent_url: str = REPRESENT
    represent_requests_per_minute: _Count = 55
    lookups_per_minute: _Count = 10
    directory_file: str = SAMPLE
    directory_cache_days: Annotated[float, Meta(gt=0)] = 7.0
    directory_timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 8.0
    send_limit_per_hour: _Count = 30
    people_limit_per_hour: _Count | None = None
    mailbox_limit_per_hour: _Count | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.represent_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"represent_url must be http://… or https://…, such as {REPRESENT}.")
