"""Campaigns of a demonstration site; their causes and all people in them are fictional.

They fit the sample directory, whose postal codes are L5G 4L3, K1A 0A1, T5J 2R7 and V0N 1B0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_influence.campaigns import own_recipients, services
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign, NewRecipient
from changemaker_influence.campaigns.slugs import slug_of

if TYPE_CHECKING:
    from changemaker_core import Tx

WETLAND: Final = NewCampaign(
    title="Keep the Heron Creek wetland wild",
    description=(
        "A parking lot for 400 cars is planned where Heron Creek meets the river. The wetland "
        "there filters our drinking water, takes in the spring floods and is the last nesting "
        "place of the great blue heron in the county.\n\n"
        "The hearing is in six weeks. A short letter in your own words counts for more than a "
        "hundred signatures."
    ),
    call_to_action="Ask your council and your legislature to protect the wetland",
    email_subject="Please protect the Heron Creek wetland",
    email_body=(
        "Dear {recipient_name},\n\n"
        "I live near Heron Creek ({postal_code}), and I am writing about the parking lot that is "
        "planned in its wetland.\n\n"
        "The wetland cleans the water that we drink and holds back the floods that used to reach "
        "our cellars. Once it is paved over, no budget brings it back. There is room for the cars "
        "on the old rail yard, five minutes away.\n\n"
        "Will you vote to protect the wetland, and tell me how you will do it?\n\n"
        "Thank you for your work."
    ),
    target_government_levels=["PROVINCIAL", "MUNICIPAL"],
    allow_email_editing=True,
    allow_custom_recipients=True,
)
CONSERVATION: Final = NewRecipient(
    name="Robin Marsh-Sample",
    title="Chair, Heron Creek Conservation Authority",
    email="chair@conservation.example.ca",
)
LEAD_PIPES_FR: Final = NewCampaign(
    title="L’eau du robinet sans plomb, un droit pour tous",
    description=(
        "Des milliers de logements construits avant 1975 reçoivent encore leur eau par une entrée "
        "de service en plomb. Aucune dose de plomb n’est sans danger pour un enfant, et aucune "
        "famille ne devrait payer seule pour une conduite qu’elle n’a pas choisie.\n\n"
        "Nous demandons un programme de remplacement public, quartier par quartier, terminé d’ici "
        "cinq ans."
    ),
    call_to_action="Écrivez à vos élues et élus\u00a0: remplaçons les conduites de plomb",
    email_subject="Remplaçons les entrées d’eau en plomb d’ici cinq ans",
    email_body=(
        "Bonjour {recipient_name},\n\n"
        "Je vous écris parce que des familles de notre quartier boivent encore une eau qui passe "
        "par des conduites de plomb.\n\n"
        "Nous savons où se trouvent ces conduites, nous savons les remplacer, et chaque année "
        "d’attente expose d’autres enfants. Les propriétaires ne peuvent pas faire seuls ce qui "
        "relève de la santé publique.\n\n"
        "Appuierez-vous un programme public de remplacement, avec un échéancier de cinq ans et "
        "des filtres gratuits d’ici là?\n\n"
        "Je vous remercie de votre réponse."
    ),
    target_government_levels=["FEDERAL", "PROVINCIAL"],
    language="fr",
)
CLEAN_WATER: Final = NewCampaign(
    title="Clean water at every kitchen tap",
    description=(
        "Eleven neighbourhoods in our region have been told to boil their water for more than a "
        "year. The treatment plant they wait for was promised, studied, and promised again.\n\n"
        "Tell your representatives that clean water is not a favour. It takes two minutes, and "
        "your letter goes to them directly."
    ),
    call_to_action="Write to the people who can fund the plant",
    email_subject="Fund the water treatment plant this year",
    email_body=(
        "Dear {recipient_name},\n\n"
        "In eleven neighbourhoods of our region, people boil their water before they give it to "
        "their children. They have done so for more than a year.\n\n"
        "The treatment plant that would end this is designed and approved. What is missing is the "
        "decision to pay for it. I ask you to see that it is funded in this year's budget, and to "
        "say so in public.\n\n"
        "I would like to know where you stand, and I look forward to your reply."
    ),
    target_government_levels=["FEDERAL", "PROVINCIAL", "MUNICIPAL"],
)


def seed(tx: Tx) -> None:
    """Create and publish the three campaigns where they are missing."""
    wetland = _publish(tx, WETLAND)
    if wetland is not None:
        own_recipients.add_recipient(tx, wetland, CONSERVATION)
    _publish(tx, LEAD_PIPES_FR)
    _publish(tx, CLEAN_WATER)


def _publish(tx: Tx, campaign: NewCampaign) -> str | None:
    """Return the id of the new campaign; ``None`` where it existed."""
    if Campaign.select().where(Campaign.slug == slug_of(campaign.title)).exists():
        return None
    created = services.create(tx, campaign)
    services.change(tx, created.id, CampaignChange(status="ACTIVE"))
    return created.id
