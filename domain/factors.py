"""The monitoring factors (监测因子): names, canonical units, plausible ranges.

Units are those in which Yanchen computes and stores; decoders convert into them.
The plausible range tells a broken sensor from a dirty street: it is wider than any
value that a working monitor of the kind can report, and is ours, not a standard's.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Factor:
    """One monitoring factor.

    Attributes:
        id: the name used in reports, packs and tables.
        zh: Chinese name.
        en: English name.
        unit: canonical unit.
        low: smallest plausible value, in that unit.
        high: largest plausible value, in that unit.
        hj212: its national HJ 212-2017 codes, preferred first.
    """

    id: str
    zh: str
    en: str
    unit: str
    low: float
    high: float
    hj212: tuple[str, ...] = ()

    def plausible(self, value: float) -> bool:
        """Whether a working monitor could have reported this value (NaN never)."""
        return self.low <= value <= self.high


_TABLE: Final = (
    Factor("oil_fume", "油烟", "oil fume", "mg/m³", 0, 200, ("a34041",)),
    Factor("fume_pm", "油烟颗粒物", "fume particulate", "mg/m³", 0, 500, ("a34000",)),
    Factor("nmhc", "非甲烷总烃", "non-methane hydrocarbons", "mg/m³", 0, 1000, ("a24088",)),
    Factor("tsp", "总悬浮颗粒物", "TSP", "µg/m³", 0, 100_000, ("a34001",)),
    Factor("pm10", "PM10", "PM10", "µg/m³", 0, 100_000, ("a34002",)),
    Factor("pm25", "PM2.5", "PM2.5", "µg/m³", 0, 100_000, ("a34004",)),
    Factor("noise", "噪声", "noise", "dB(A)", 10, 160, ("LA", "Leq")),
    Factor("noise_max", "最大声级", "maximum noise level", "dB(A)", 10, 160, ("LMx",)),
    Factor("temperature", "温度", "temperature", "°C", -60, 150, ("a01001",)),
    Factor("humidity", "湿度", "humidity", "%", 0, 100, ("a01002",)),
    Factor("pressure", "气压", "pressure", "kPa", 40, 120, ("a01006",)),
    Factor("wind_speed", "风速", "wind speed", "m/s", 0, 90, ("a01007",)),
    Factor("wind_direction", "风向", "wind direction", "°", 0, 360, ("a01008",)),
    Factor("fan_on", "风机开关", "fan running", "", 0, 1),
    Factor("purifier_on", "净化器开关", "purifier running", "", 0, 1),
    Factor("fan_current", "风机电流", "fan current", "A", 0, 1000),
    Factor("purifier_current", "净化器电流", "purifier current", "A", 0, 1000),
)

FACTORS: Final[dict[str, Factor]] = {factor.id: factor for factor in _TABLE}
