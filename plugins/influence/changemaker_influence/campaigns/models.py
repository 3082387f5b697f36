"""Campaigns, their own recipients, and their counts of messages."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField, UUIDField, new_id


class Campaign(Model):
    """A call to write to representatives.

    ``target_government_levels`` is a list of ``directories.levels.Level``.
    """

    id = UUIDField(primary_key=True, default=new_id)
    slug = peewee.CharField(max_length=80, unique=True)
    title = peewee.CharField(max_length=200)
    description = peewee.TextField(default="")
    email_subject = peewee.CharField(max_length=200)
    email_body = peewee.TextField()
    call_to_action = peewee.CharField(max_length=500, default="")
    cover_photo = peewee.CharField(max_length=500, default="")
    #: What the photo shows, for those who do not see it.
    cover_photo_alt = peewee.CharField(
        max_length=300, default="", constraints=[peewee.SQL("DEFAULT ''")]
    )
    language = peewee.CharField(max_length=8, default="en")
    status = peewee.CharField(max_length=16, default="DRAFT")
    target_government_levels = JSONField()
    allow_smtp_email = peewee.BooleanField(default=True)
    allow_mailto_link = peewee.BooleanField(default=True)
    allow_email_editing = peewee.BooleanField(default=False)
    allow_custom_recipients = peewee.BooleanField(default=False)
    show_email_count = peewee.BooleanField(default=True)
    # Defaults in the database are for processes of the version before: they run until the reload.
    goal = peewee.IntegerField(null=True)
    preselected = peewee.CharField(
        max_length=8, default="FIRST", constraints=[peewee.SQL("DEFAULT 'FIRST'")]
    )
    preselected_levels = JSONField(null=True)
    thank_you = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    # The languages in which it is offered beside its own: pages look for translations in no others.
    translated_into = JSONField(null=True)
    starts_at = UtcField(null=True)
    ends_at = UtcField(null=True)
    published_at = UtcField(null=True)
    created_by = peewee.CharField(max_length=64, null=True)
    created_at = UtcField()
    updated_at = UtcField()
    updated_by = peewee.CharField(max_length=64, null=True)
    #: Raised by each change. The defaults in the database are for processes of the version before.
    version = peewee.IntegerField(default=1, constraints=[peewee.SQL("DEFAULT 1")])

    class Meta:
        table_name = "influence_campaign"
        indexes = (
            (("status", "id"), False),
            # The orders of the organisers' list, with and without its filter.
            (("title", "id"), False),
            (("status", "title", "id"), False),
            (("updated_at", "id"), False),
            (("status", "updated_at", "id"), False),
            # Covers the order and the conditions of the public list: rows are long, and counting
            # must not read them.
            (("status", "published_at", "id", "starts_at", "ends_at"), False),
        )


class FormerSlug(Model):
    """A slug that a published campaign had: its page redirects, and no other campaign gets it."""

    slug = peewee.CharField(max_length=80, primary_key=True)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE")
    created_at = UtcField()

    class Meta:
        table_name = "influence_former_slug"


class CampaignText(Model):
    """A text of a campaign in another language than its own.

    ``field`` is the name of a field of the campaign. ``original`` is what that said when it was
    translated, or found to be still right: where it says something else now, the translation is
    outdated.
    """

    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    language = peewee.CharField(max_length=8)
    field = peewee.CharField(max_length=32)
    text = peewee.TextField()
    original = peewee.TextField()
    updated_at = UtcField()
    updated_by = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "influence_campaign_text"
        primary_key = peewee.CompositeKey("campaign", "language", "field")


class CustomRecipient(Model):
    """A recipient that a campaign adds to those in the directory."""

    id = UUIDField(primary_key=True, default=new_id)
    campaign = peewee.ForeignKeyField(Campaign, lazy_load=False, on_delete="CASCADE", index=False)
    name = peewee.CharField(max_length=200)
    title = peewee.CharField(max_length=200, default="")
    email = peewee.CharField(max_length=254)
    created_at = UtcField()
    updated_at = UtcField(null=True)
    updated_by = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "influence_custom_recipient"
        indexes = ((("campaign", "email"), True),)


class EmailTally(Model):
    """The number of sent messages of a campaign, because counting a million rows takes too long;
    and how often one has failed, which stays when it is sent again.

    The row is created when the campaign is first published.
    """

    campaign = peewee.ForeignKeyField(
        Campaign, lazy_load=False, primary_key=True, on_delete="CASCADE"
    )
    sent = peewee.BigIntegerField(default=0)
    # The default in the database is for processes of the version before: they run until the reload.
    failed = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        table_name = "influence_email_tally"
