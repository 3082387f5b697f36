"""Why a webhook cannot be stored or sent, as a response says it and at which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Conflict, FieldError, Invalid, Text
from changemaker_core.features.webhooks import services
from changemaker_core.features.webhooks.deliveries.attempts import Attempts
from changemaker_core.features.webhooks.urls import URLRefused
from changemaker_core.outgoing import NotPublic, OutgoingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Problem, Site


def _refused_url(error: Exception) -> Invalid:
    return Invalid([FieldError("url", error.args[0])])


def _unreachable(error: OutgoingError) -> Invalid:
    problem = Text("The address cannot be used: {reason}.", reason=str(error))
    if isinstance(error, NotPublic):
        problem = Text(
            "{reason}. Webhooks are sent to servers on the internet; your operator can allow"
            " others with webhooks.allow.",
            reason=str(error),
        )
    return Invalid([FieldError("url", problem)])


ERRORS: Final[dict[type[Exception], Callable[[Any], Problem]]] = {
    URLRefused: _refused_url,
    OutgoingError: _unreachable,
    services.EventsRefused: lambda error: Invalid([FieldError("events", error.args[0])]),
    services.TooManyWebhooks: lambda error: Conflict(error.args[0], code="too_many_webhooks"),
    services.NotActive: lambda error: Conflict(error.args[0], code="not_active"),
    services.StillWaiting: lambda error: Conflict(error.args[0], code="still_waiting"),
}


def check_url(site: Site, url: str) -> None:
    """Raise ``Invalid`` for a URL that webhooks are not sent to, such as one of a private network.

    Its host is looked up: never call it in the event loop.
    """
    attempts = Attempts(site)
    try:
        attempts.check(url)
    except URLRefused as error:
        raise _refused_url(error) from None
    except OutgoingError as error:
        raise _unreachable(error) from None
    finally:
        attempts.close()
