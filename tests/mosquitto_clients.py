"""The command-line clients of mosquitto, as integrators use them."""

import shutil

from app.embedded import debian
from app.embedded.cache import cache_dir


def program(name: str) -> str:
    """Path of ``mosquitto_pub``, say: this machine's, else the one that came with the broker."""
    found = shutil.which(name)
    return found or str(debian.fetch(cache_dir()) / "usr/bin" / name)
