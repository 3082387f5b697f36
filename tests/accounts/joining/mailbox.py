"""The mails of a site, for tests of what their links do."""

from __future__ import annotations

import re

from changemaker_core.testing import run_jobs


class Mailbox:
    """The mails that a site sends."""

    def __init__(self, site):
        self._site = site
        self._read = 0

    async def new(self):
        """The mails since the last look, as (to, subject, text)."""
        while await run_jobs(self._site):
            pass
        stored = self._site.mail.messages()
        fresh, self._read = stored[: len(stored) - self._read][::-1], len(stored)
        return [self._mail(each.id) for each in fresh]

    def _mail(self, id):
        message = self._site.mail.read(id)
        text = message.get_body(("plain",)).get_content()
        return message["To"], message["Subject"], text

    async def token(self, path):
        """The token in the only new mail, whose link leads to ``path``."""
        ((_, _, text),) = await self.new()
        return re.search(rf"http\S+{path}/(\S+)", text)[1]
