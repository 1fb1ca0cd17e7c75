"""Devices by number, and which of them stand in places that are judged alike."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from domain.site import Site
from rules.candidate import Profile, profile
from rules.columns import DeviceIndex

_Profile = tuple[Profile, int, str]


class Places:
    """Where devices stand; devices of one profile have the same limits and sample counts.

    Args:
        sites: device → site.

    Attributes:
        index: device → number, given out on first use.
        profiles: for each profile a site that has it.
        of: profile by device number, -1 where the device has no site.
    """

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self.index: Final = DeviceIndex()
        self.profiles: Final[list[Site]] = []
        self.of: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._numbers: Final[dict[_Profile, int]] = {}
        self._sites = dict(sites)
        self._apart: frozenset[str] = frozenset()

    @property
    def unknown(self) -> frozenset[str]:
        """Devices that were seen and have no site."""
        return frozenset(self.index.names[number] for number in np.flatnonzero(self.of < 0).tolist())

    def within(self, area: str) -> npt.NDArray[np.bool_]:
        """By device number, whether it stands in an area (a prefix of administrative codes)."""
        alike = [site.area.startswith(area) for site in self.profiles]
        inside: npt.NDArray[np.bool_] = np.array([*alike, False])[self.of]  # -1, no site, is the last
        return inside

    def update(self, sites: Mapping[str, Site]) -> None:
        """Replace the register."""
        self._sites = dict(sites)
        self.of = self.of[:0]
        self.refresh()

    def set_apart(self, sites: frozenset[str]) -> None:
        """Judge the devices of each of these sites by themselves."""
        if sites != self._apart:
            self._apart = sites
            self.of = self.of[:0]
            self.refresh()

    def site(self, device: int) -> Site | None:
        """Where a device stands, if it has a site."""
        return self._sites.get(self.index.names[device])

    def refresh(self) -> None:
        """Place devices that the index has met since the last time."""
        new = [self._profile(name) for name in self.index.names[len(self.of) :]]
        if new:
            self.of = np.concatenate([self.of, np.array(new, np.int64)])

    def _profile(self, device: str) -> int:
        site = self._sites.get(device)
        if site is None:
            return -1
        apart = site.site if site.site in self._apart else ""
        key = (profile(site), site.interval_s, apart)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.profiles)
            self.profiles.append(site)
        return number
