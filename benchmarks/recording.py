"""Letters recorded by a process of its own: ``python -m benchmarks.recording SITE RATE``.

The process writes a line of JSON each second, with how many it recorded so far, until it is ended.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core import Config, Site, Tx
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.emails import services
from changemaker_influence.emails.recipients import Recipient
from changemaker_influence.emails.services import Submission

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_RECIPIENT = Recipient(
    keys=("mayor",), names=("Robin Sample",), name="Robin Sample", email="mayor@town.example.ca"
)


def orders(campaigns: Iterable[str], senders: str) -> Iterator[Submission]:
    """Letters of ever new senders, to each campaign in turn."""
    for number, campaign in enumerate(itertools.cycle(campaigns)):
        yield Submission(
            campaign_id=campaign,
            sender_name=f"Sender {number}",
            sender_email=f"sender-{senders}-{number}@example.org",
            postal_code="K1A 0A1",
            recipients=(_RECIPIENT,),
            subject="Please protect the wetland",
            body="Dear {recipient_name}, please vote to protect the wetland near {postal_code}.",
            consent_text="I agree that this is sent.",
            consent_version="benchmark",
            consent_language="en",
            campaign_title="Protect the wetland",
            language="en",
        )


def campaign_ids(site: Site) -> list[str]:
    """Every campaign of a site."""
    return site.db.sync.read(lambda: [each.id for each in Campaign.select(Campaign.id)])


def take(tx: Tx, order: Submission) -> None:
    """Record one message and the job that sends it, as the API does."""
    services.record(tx, order, lambda _: None, None)


def main(folder: str, rate: float) -> None:
    """Record ``rate`` messages a second, at a steady pace."""
    site = Site(Config.load(Path(folder), environ={}))
    wanted = orders(campaign_ids(site), f"{time.time_ns():x}")
    began = time.monotonic()
    for number in itertools.count():
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        # After having been stopped for others' turns, go on at the pace, not in a rush.
        began = max(began, time.monotonic() - number / rate - 1.0)
        site.db.sync.write(take, next(wanted))
        if number % int(rate) == 0:
            sys.stdout.write(json.dumps({"recorded": number + 1}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
