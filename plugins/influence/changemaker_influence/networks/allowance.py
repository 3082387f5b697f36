"""How many people may write from one network, and how many letters each of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import DistinctWindow, LimitReached, SlidingWindow, Text, TooManyRequests
from changemaker_influence.networks.services import raised_limit

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_influence.config import InfluenceConfig

HOUR: Final = timedelta(hours=1)
#: More than a household, a class or a small meeting.
FEWEST_PEOPLE: Final = 60
PEOPLE: Final = "influence.people"
LETTERS: Final = "influence.letters"
GUESSES: Final = "influence.guesses"

_REASONS: Final = {
    PEOPLE: Text("Many people have written from your internet connection in the last hour."),
    LETTERS: Text("You have sent many messages in the last hour."),
    GUESSES: Text("You have named many addresses in the last hour."),
}


class Allowance:
    """What may be sent in an hour.

    Nobody has proven that an address is theirs, so what is sent with it counts for the network that
    sent it, and uses up nothing of the person whose address it is: an address has its letters in
    each network. A network counts people, not letters: forty of them may share one Wi-Fi.
    """

    def __init__(self, config: InfluenceConfig) -> None:
        people = config.people_limit_per_hour or max(FEWEST_PEOPLE, config.send_limit_per_hour)
        self._people = DistinctWindow(PEOPLE, people, HOUR)
        self._letters = SlidingWindow(LETTERS, config.send_limit_per_hour, HOUR)
        self._guesses = SlidingWindow(GUESSES, config.send_limit_per_hour, HOUR)

    def take(self, tx: Tx, visitor: str, sender: str, letters: int) -> None:
        """Count the letters of a sender. Raises ``LimitReached``."""
        raised = raised_limit(network=visitor, now=tx.now).one()
        limit = max(raised.people, self._people.limit) if raised is not None else None
        self._people.take(tx, visitor, sender, limit=limit)
        self._letters.take(tx, f"{visitor}\0{sender}", letters)

    def take_guesses(self, tx: Tx, visitor: str, addresses: int) -> None:
        """Count addresses that may have been guessed. Raises ``LimitReached``.

        The addresses of a campaign's own recipients are not shown, and nobody finds them by trying.
        """
        self._guesses.take(tx, visitor, addresses)


def reason_for(reached: LimitReached) -> Text:
    """Return the sentence that tells a sender why they must wait."""
    return _REASONS[reached.name]


def problem_for(reached: LimitReached) -> TooManyRequests:
    """Return the problem to respond with."""
    return TooManyRequests(reached.retry_after.total_seconds(), reason_for(reached))
