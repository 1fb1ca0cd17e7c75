"""The configuration files that compose mounts, with the places changed; pure text work."""

from collections.abc import Mapping
from pathlib import Path

from domain.errors import ConfigError

# In a wheel the files lie beside this module, in a checkout in the folder that compose mounts.
_FOLDERS = (Path(__file__).parent, Path(__file__).resolve().parents[2] / "deploy")


def read(name: str) -> str:
    """The text of a file, ``mosquitto/acl`` say, as compose mounts it.

    Raises:
        ConfigError: the installation lacks it.
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return (folder / name).read_text()
    raise ConfigError(f"{name} is missing from this installation of Yanchen: install it again")


def place(text: str, values: Mapping[str, object], sign: str) -> str:
    """Give the settings named in `values` their new value and leave the rest of the text alone.

    Args:
        text: one setting a line.
        values: setting to new value.
        sign: what stands between the two.

    Raises:
        ConfigError: a setting does not occur, so that the two uses of the file have drifted apart.
    """
    missing = dict(values)
    lines = []
    for line in text.splitlines():
        key = line.partition(sign)[0]
        lines.append(f"{key}{sign}{missing.pop(key)}" if key in missing else line)
    if missing:
        raise ConfigError(f"the file that compose mounts has no line for {', '.join(missing)}")
    return "\n".join(lines) + "\n"
