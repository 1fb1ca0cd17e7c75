"""Ways to reach people. A channel has one method; whether a failure is worth a retry is in its error."""

from typing import Protocol

from alerts.notice import Notice
from domain.errors import Unavailable


class OutcomeUnknown(Unavailable):
    """The notice was handed over and no answer came: it may have arrived.

    It is sent again with the same key, so a receiver that knows the key shows it once.
    """


class Channel(Protocol):
    """One way to reach people."""

    async def send(self, notice: Notice) -> None:
        """Hand a notice over; returns when the other side has taken it.

        Raises:
            OutcomeUnknown: it may have arrived.
            Unavailable: it did not arrive; the same call may succeed later.
            Undeliverable: refused for good.
        """
        ...
