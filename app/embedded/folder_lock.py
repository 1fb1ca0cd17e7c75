"""One stack at a time over a data folder."""

import fcntl
import os
from pathlib import Path

from app.embedded.process import wait_until
from domain.errors import Unavailable


class FolderLock:
    """A lock that the servers hold together with us, by inheriting its file descriptor.

    So it is free only when the last server of a killed run has ended, and not as soon as we have.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a server must keep open to hold the lock."""
        return () if self._descriptor is None else (self._descriptor,)

    async def acquire(self, within: float) -> None:
        """Take the lock, waiting for the servers of a killed run to end.

        Raises:
            Unavailable: somebody still holds it after `within` seconds.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)

        async def taken() -> bool:
            return _try_lock(descriptor)

        if not await wait_until(taken, within):
            os.close(descriptor)
            raise Unavailable(
                f"another embedded stack uses {self.path.parent}: stop it, or name another folder"
            )
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the lock; servers that still run hold on to it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
