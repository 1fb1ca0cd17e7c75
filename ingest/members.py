"""Several ingest processes on one broker: who subscribes to what.

The members share the reports by a shared subscription, under a client id each and with a
session that outlives the process. So a member that is away keeps its share in its own queue
until it is back, where a clean session's share would be lost. Last wills go to the first member
alone: two members could hear "offline" and "online" in either order.

Filters for each device would keep a device on one member, and would leave a publication of
a device that the register does not know with nobody to refuse it.
"""

from typing import Final

from domain.topics import MQTT_ROOT, Channel
from runtime.mqtt import Subscription
from runtime.settings import Settings

_REPORTS: Final = tuple(f"{MQTT_ROOT}/+/{channel}" for channel in (Channel.READINGS, Channel.HJ212))
_SHARED: Final = tuple(f"$share/yanchen-ingest/{name}" for name in _REPORTS)
_WILLS: Final = (f"{MQTT_ROOT}/+/{Channel.STATUS}",)


def subscription(member: int, members: int) -> Subscription:
    """The filters of a member; one that is no longer among the members gives all of them back.

    Such a member still takes what its session holds. Every session is told which of the other
    filters it must not have, because it may have them from a time with more or fewer members.
    """
    reports = () if member >= members else _REPORTS if members == 1 else _SHARED
    wanted = (*reports, *(_WILLS if member == 0 else ()))
    known = (*_REPORTS, *_SHARED, *_WILLS)
    return Subscription(wanted=wanted, unwanted=tuple(name for name in known if name not in wanted))


def client_id(settings: Settings) -> str:
    """The fixed name under which the broker keeps a member's session."""
    member = settings.ingest.member
    return settings.mqtt.client_id if member == 0 else f"{settings.mqtt.client_id}-{member}"
