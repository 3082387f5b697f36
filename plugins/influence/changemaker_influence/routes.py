"""The routes of influence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Route
from changemaker_influence.campaigns import resources
from changemaker_influence.campaigns.pages import CampaignListPage
from changemaker_influence.directories.resources import RepresentativesResource
from changemaker_influence.emails import resources as emails
from changemaker_influence.emails.pages import CampaignPage, EmailStatusPage
from changemaker_influence.emails.submission import Submissions
from changemaker_influence.numbers.resources import StatsResource
from changemaker_influence.outcomes import resources as outcomes
from changemaker_influence.translations import resources as translations

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_influence.directories.lookup import Lookups


def routes(site: Site, lookups: Lookups) -> list[Route]:
    """Return the organiser's API, the public one, and the pages."""
    submissions = Submissions(site, lookups)
    messages = emails.CampaignEmailsResource(site)
    return [
        Route("/api/campaigns", resources.CampaignsResource(site)),
        Route("/api/campaigns/{id}", resources.CampaignResource(site)),
        Route("/api/campaigns/{id}/duplicate", resources.DuplicateResource(site)),
        Route("/api/campaigns/{id}/cover-photo", resources.CoverPhotoResource(site)),
        Route("/api/campaigns/{id}/recipients", resources.RecipientsResource(site)),
        Route("/api/campaigns/{id}/recipients/import", resources.RecipientImportResource()),
        Route("/api/campaigns/{id}/recipients/{recipient_id}", resources.RecipientResource(site)),
        Route("/api/campaigns/{id}/stats", StatsResource()),
        Route("/api/campaigns/{id}/translations", translations.TranslationsResource()),
        Route("/api/campaigns/{id}/translations/{language}", translations.TranslationResource()),
        Route("/api/campaigns/{id}/emails", messages),
        Route("/api/campaigns/{id}/emails.csv", messages, suffix="csv"),
        Route("/api/campaigns/{id}/emails.xlsx", messages, suffix="xlsx"),
        Route("/api/campaigns/{id}/retry-failed", outcomes.RetryFailedResource()),
        Route("/api/campaign-emails/{id}/cancel", outcomes.CancelResource()),
        Route("/api/campaign-emails/{id}/retry", outcomes.RetryResource()),
        Route("/api/campaign-emails/{id}/settle", outcomes.SettleResource()),
        Route("/api/campaigns/{id}/test-email", emails.TestLetterResource(site)),
        Route("/api/campaigns/{id}/send-email", emails.SendEmailResource(site, submissions)),
        Route("/api/public/campaigns", resources.PublicCampaignsResource(site)),
        Route("/api/public/campaigns/{slug}", resources.PublicCampaignResource(site)),
        Route(
            "/api/public/campaigns/{slug}/translations/{language}",
            resources.PublicTranslationResource(site),
        ),
        Route("/api/public/representatives", RepresentativesResource(lookups)),
        Route("/api/public/emails/{id}", emails.PublicEmailResource(site)),
        Route("/campaigns", CampaignListPage(site)),
        Route("/campaigns/{slug}", CampaignPage(site, lookups, submissions)),
        Route("/emails/{id}", EmailStatusPage(site)),
    ]
