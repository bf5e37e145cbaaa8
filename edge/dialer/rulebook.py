"""The rules of a site's campaigns, as the engine asks them."""

from edge.config.dialing_rules import judge_of
from edge.config.site import Site
from edge.core.dialer.campaign import Settings
from edge.dialer.permission import Permissions, PermissionsFor
from edge.storage.campaigns.interface import CampaignStore


def permissions_for(site: Site) -> PermissionsFor:
    """Give what makes a campaign's permissions; a campaign whose rules are not there gets none, so it calls nobody."""
    own = frozenset(
        number for one in site.campaigns for number in (one.caller_id, *(other.number for other in one.caller_ids))
    )

    def make(store: CampaignStore, settings: Settings) -> Permissions | None:
        rules = site.rulesets.get(settings.rules)
        return Permissions(store, judge_of(rules), own) if rules is not None else None

    return make
