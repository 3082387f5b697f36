"""What a plugin declares: a group of settings, and what a person reads of each field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import msgspec

    from changemaker_core.db import Tx
    from changemaker_core.site import Site

#: How a field is entered, and what its values are; see :class:`Setting`.
FieldKind = Literal[
    "switch",
    "number",
    "choice",
    "choices",
    "line",
    "lines",
    "text",
    "texts",
    "color",
    "email",
    "url",
    "locale",
    "time_zone",
    "image",
    "secret",
]
#: The feature whose groups are the site's own: their names have no prefix.
OWN: Final = "settings"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a field beside its type: ``Annotated[int, Setting(Text("Days"))] = 30``.

    ``label`` and ``help`` are for people; fields with the same ``section`` stand together.
    ``public`` fields are in ``GET /api/settings/public``, which needs no sign-in.

    ``kind`` follows from the type: ``bool`` is a ``switch``, ``int`` and ``float`` are a
    ``number``, a ``Literal`` is a ``choice`` and a tuple of one ``choices``, ``str`` is a ``line``,
    ``tuple[str, ...]`` are ``lines``, ``dict[str, str]`` are ``texts``, one for each language, and
    ``Secret`` is a ``secret``, which is encrypted in the database and shown to nobody. For a
    ``str`` it can also be ``text`` (several lines), ``color`` (``#0d5f58``), ``email``, ``url``,
    ``locale``, ``time_zone`` or ``image``.

    ``config`` is the key of the plugin's configuration with which an operator locks the field:
    while that is set, its value is the field's, and nobody can change it here. ``from_config``
    converts the value of the key to that of the field.

    ``entered_with`` names fields of the group that a secret goes with, such as the address of the
    service that it is for: who changes one of them enters the secret again, so that nobody has it
    sent to an address of their own.
    """

    label: str
    help: str = ""
    kind: FieldKind | None = None
    section: str = ""
    public: bool = False
    config: str | None = None
    from_config: Callable[[Any], Any] | None = None
    entered_with: tuple[str, ...] = ()


class SettingRejected(ValueError):
    """A value does not go with others of its group; raised by the Struct's ``__post_init__``.

    ``field`` names the one to correct, and ``message`` says how.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class SealedValues:
    """What a plugin has sealed in its own tables, by ``site.sealer``.

    ``reseal(tx, site)`` seals each value again under the present key, by ``Sealer.reseal``, and
    returns how many there are. It is called by ``changemaker settings rotate-secrets``, in one
    transaction with all others. The name begins with the plugin's.
    """

    name: str
    reseal: Callable[[Tx, Site], int]


@dataclass(frozen=True, slots=True)
class SettingsGroup:
    """A group of settings: a frozen Struct whose fields all have defaults.

    ``name`` is the plugin's, or begins with it and a dot. ``site.settings(struct)`` returns the
    values. What depends on several fields is checked in ``__post_init__``, which raises
    ``SettingRejected``. ``order`` is the group's place among all, lower first. With
    ``recent_sign_in``, whoever changes it must have signed in within the last 15 minutes: for what
    gives power, such as the server that links for new passwords go through.
    """

    name: str
    label: str
    struct: type[msgspec.Struct]
    help: str = ""
    order: int = 100
    recent_sign_in: bool = False
