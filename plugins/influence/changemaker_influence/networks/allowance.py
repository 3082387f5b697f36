"""How many people may write from one network, and how many letters each of them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from changemaker_core import (
    DistinctWindow,
    FieldError,
    Invalid,
    LimitReached,
    Pace,
    SlidingWindow,
    Text,
    TooManyRequests,
)
from changemaker_influence.networks.services import raised_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from changemaker_core import Tx
    from changemaker_influence.config import InfluenceConfig
    from changemaker_influence.settings import InfluenceSettings

HOUR: Final = timedelta(hours=1)
#: The longest that a message is delayed.
LONGEST_DELAY: Final = timedelta(hours=4)
#: More than a household, a class or a small meeting.
FEWEST_PEOPLE: Final = 60
PEOPLE: Final = "influence.people"
LETTERS: Final = "influence.letters"
MAILBOX: Final = "influence.mailbox"
GUESSES: Final = "influence.guesses"
PREVIEWS: Final = "influence.previews"
#: How often one person looks at their letters before they send them.
PREVIEWS_EACH: Final = 10

_REASONS: Final = {
    PEOPLE: Text("Many people have written from your internet connection in the last hour."),
    LETTERS: Text("You have sent many messages in the last hour."),
    MAILBOX: Text(
        "Many messages to this person were sent from your internet connection in the last hour."
    ),
    GUESSES: Text("You have named many addresses in the last hour."),
    PREVIEWS: Text("Many letters were previewed from your internet connection in the last hour."),
}


class Allowance:
    """What may be sent in an hour.

    Nobody has proven that an address is theirs, so what is sent with it counts for the network that
    sent it, and uses up nothing of the person whose address it is: an address has its letters in
    each network. A network counts people, not letters: forty of them may share one Wi-Fi. But
    whoever invents people must not bury a mailbox, so its letters from one network are counted too.

    Beyond these two limits messages are delayed, and as many again leave in an hour, one after
    another: whoever invents people makes others of their network wait, and keeps nobody out.

    Somebody who is signed in, or whose API key it is, has proven who they are: they have their
    letters wherever they are, and are none of a network's people. Where everybody can register,
    accounts are as easily invented as people, so their letters to a mailbox are counted with all
    others of the network.
    """

    def __init__(self, config: InfluenceConfig, settings: Callable[[], InfluenceSettings]) -> None:
        self._people = config.people_limit_per_hour or max(
            FEWEST_PEOPLE, config.send_limit_per_hour
        )
        self._letters = config.send_limit_per_hour
        self._mailbox = config.mailbox_limit_per_hour or max(FEWEST_PEOPLE, self._people)
        self._settings = settings

    def take(
        self,
        tx: Tx,
        visitor: str,
        sender: str,
        mailboxes: Collection[str],
        *,
        user: str | None = None,
    ) -> datetime | None:
        """Count a sender's letters, one to each mailbox. Return when they may leave, where that is
        later than now. Raises ``LimitReached``, and ``Invalid`` for more than the limit.

        ``user`` is the id of who is signed in, or has given the program its API key.
        """
        window, letters = self._window(LETTERS), len(mailboxes)
        if letters > window.limit:  # there is no time at which it could be sent
            problem = Text(
                "Choose fewer recipients. One person can send {count} messages in an hour.",
                count=window.limit,
            )
            raise Invalid([FieldError("recipient_keys", problem)])
        raised = _raised(tx, visitor)
        times: list[datetime | None] = []
        if user is not None:
            window.take(tx, f"user\0{user}", letters)
        else:
            people = DistinctWindow(PEOPLE, self._most_people(raised), HOUR)
            take = partial(people.take, tx, visitor, sender)
            times.append(_or_later(tx, people, visitor, take))
            window.take(tx, f"{visitor}\0{sender}", letters)
        in_mailbox = SlidingWindow(MAILBOX, max(self._mailbox, raised), HOUR)
        for mailbox in sorted(mailboxes):  # each is locked: in one order
            who = f"{visitor}\0{mailbox}"
            times.append(_or_later(tx, in_mailbox, who, partial(in_mailbox.take, tx, who)))
        return max((time for time in times if time is not None), default=None)

    def take_preview(self, tx: Tx, visitor: str) -> None:
        """Count letters that are shown before they are sent. Raises ``LimitReached``."""
        most = PREVIEWS_EACH * self._most_people(_raised(tx, visitor))
        SlidingWindow(PREVIEWS, most, HOUR).take(tx, visitor)

    def take_guesses(self, tx: Tx, visitor: str, addresses: int) -> None:
        """Count addresses that may have been guessed. Raises ``LimitReached``.

        The addresses of a campaign's own recipients are not shown, and nobody finds them by trying.
        """
        self._window(GUESSES).take(tx, visitor, addresses)

    def _most_people(self, raised: int) -> int:
        return max(raised, _narrowed(self._people, self._settings().people_limit_per_hour))

    def _window(self, name: str) -> SlidingWindow:
        limit = _narrowed(self._letters, self._settings().send_limit_per_hour)
        return SlidingWindow(name, limit, HOUR)


def _or_later(
    tx: Tx, window: SlidingWindow | DistinctWindow, who: str, take: Callable[[], None]
) -> datetime | None:
    """Use a window, or return the time at which what is beyond its limit may happen."""
    try:
        take()
    except LimitReached as reached:
        later = Pace(f"{window.name}.later", window.period / window.limit, longest=LONGEST_DELAY)
        try:
            return later.take(tx, who)
        except LimitReached as full:
            reached.retry_after = min(reached.retry_after, full.retry_after)
            raise reached from None
    return None


def _raised(tx: Tx, visitor: str) -> int:
    """Return the raised limit of a network; 0 where it has none."""
    raised = raised_limit(network=visitor, now=tx.now).one()
    return 0 if raised is None else raised.people


def _narrowed(operators: int, organisers: int | None) -> int:
    return operators if organisers is None else min(operators, organisers)


def reason_for(reached: LimitReached) -> Text:
    """Return the sentence that tells a sender why they must wait."""
    return _REASONS[reached.name]


def problem_for(reached: LimitReached) -> TooManyRequests:
    """Return the problem to respond with."""
    return TooManyRequests.of(reached, reason_for(reached))
