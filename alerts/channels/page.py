"""The built-in page: the row is what the page shows, so a committed notice is delivered."""

from alerts.notice import Notice


class PageChannel:
    """Delivers by doing nothing; whether it was read is in ``notices.read_at``."""

    async def send(self, notice: Notice) -> None:
        """Nothing to hand over: ``alerts.pages`` reads the row."""
