"""The city's rules for cases, taken from the settings once."""

from dataclasses import dataclass, field
from datetime import timedelta

from domain.allowance import Allowed
from domain.episode import EpisodeRule
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How cases are opened and followed up.

    Attributes:
        rule: when an episode begins and ends.
        escalate_after: unacknowledged before the next step.
        offence_period: a first offence is the first in this period.
        public_url: how squads reach the pages; empty leaves the link out of notices.
    """

    rule: EpisodeRule = field(default_factory=EpisodeRule)
    escalate_after: timedelta = timedelta(minutes=30)
    offence_period: timedelta = timedelta(days=365)
    public_url: str = ""

    @classmethod
    def of(cls, settings: Settings, allowed: Allowed | None = None) -> "Policy":
        """The settings' policy.

        Args:
            settings: the settings.
            allowed: exceeding windows a day that standards allow; the shell knows the packs.
        """
        return cls(
            rule=EpisodeRule(clear_after=settings.alerts.clear_after, allowed=allowed or {}),
            escalate_after=settings.alerts.escalate_after,
            offence_period=settings.alerts.offence_period,
            public_url=settings.web.public_url,
        )
