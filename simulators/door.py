"""What a door of the simulation is: it takes publications and settles each once."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from simulators.publication import Publication

Settle = Callable[[Publication, bool], None]
"""Told once per publication: true when the peer confirmed it, false when it never did."""

PATIENCE_S: Final = 30.0
"""How long a door waits at the end for what is still on its way."""


class Door(Protocol):
    """A way for publications to go out, bounded in what is on its way."""

    async def open(self) -> None:
        """Connect.

        Raises:
            Unavailable: the peer does not answer, or refuses us.
        """

    async def send(self, publication: Publication) -> None:
        """Hand over a publication; waits while too much is on its way."""

    async def drain(self) -> None:
        """Wait until everything handed over is settled."""

    async def close(self) -> None:
        """Settle what is left, then leave."""


class InFlight:
    """Counts what is on its way, so that others can wait for room or for none."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def begin(self) -> None:
        """One more is on its way."""
        self._count += 1
        self._none.clear()

    def end(self) -> None:
        """One less is on its way."""
        self._count -= 1
        if self._count == 0:
            self._none.set()

    async def wait_none(self) -> None:
        """Wait until nothing is on its way."""
        await self._none.wait()
