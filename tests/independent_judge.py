"""A second judge: slow, plain, written from the design and the table of limits alone.

It reads one reading at a time with exact arithmetic and shares nothing with the rooms of the
house, so that an error would have to be made twice to go unseen. ``yanchen evaluate`` is held
against it (tests/judge_comparison.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

CHINA = timezone(timedelta(hours=8))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = Context(prec=40, rounding=ROUND_HALF_EVEN)
VALID_SHARE = Decimal("0.75")
LONG_AGO, FOREVER = date(1, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True)
class Limit:
    """One row of the table of limits; ``hours`` is all, day (06-22) or night (22-06)."""

    standard: str
    kind: str
    area: str
    factor: str
    statistic: str
    minutes: int
    value: Decimal
    unit: str
    since: date = LONG_AGO
    until: date = FOREVER
    hours: str = "all"
    only_sensitive: bool = False
    less: str = ""


def _noise(standard: str, since: date, until: date) -> list[Limit]:
    def one(factor: str, statistic: str, value: int, hours: str) -> Limit:
        where = ("construction", "", factor, statistic, 20, Decimal(value), "dB(A)")
        return Limit(standard, *where, since=since, until=until, hours=hours, only_sensitive=True)

    return [
        one("noise", "energy_mean", 70, "day"),
        one("noise", "energy_mean", 55, "night"),
        one("noise_max", "max", 70, "night"),
    ]


def _fume(standard: str, area: str, factor: str, value: int, since: date) -> Limit:
    where = ("restaurant", area, factor, "mean", 10, Decimal(value), "mg/m³")
    return Limit(standard, *where, since=since)


def _dust(standard: str, area: str, factor: str, **more: Any) -> Limit:
    minutes, value = (15, 500) if factor == "tsp" else (60, 80)
    where = ("construction", area, factor, "mean", minutes, Decimal(value), "µg/m³")
    return Limit(standard, *where, **more)


NATIONAL_FUME = _fume("GB 18483-2001", "", "oil_fume", 2, date(2002, 1, 1))
LIMITS = [
    NATIONAL_FUME,
    _fume("DB50/859-2018", "50", "oil_fume", 1, date(2019, 1, 1)),
    _fume("DB50/859-2018", "50", "nmhc", 10, date(2019, 1, 1)),
    _fume("DB11/1488-2018", "11", "oil_fume", 1, date(2019, 1, 1)),
    _fume("DB11/1488-2018", "11", "nmhc", 10, date(2020, 1, 1)),
    _fume("DB11/1488-2018", "11", "fume_pm", 5, date(2019, 1, 1)),
    _fume("DB31/844-2014", "31", "oil_fume", 1, date(2016, 5, 1)),
    _dust("DB32/4437-2022", "32", "tsp", less="200 at bad AQI"),
    _dust("DB32/4437-2022", "32", "pm10", less="city"),
    _dust("DB13/2934-2019", "13", "pm10", less="city up to 150", since=date(2019, 4, 1)),
    *_noise("GB 12523-2011", date(2012, 7, 1), date(2025, 12, 31)),
    *_noise("GB 12523-2025", date(2026, 1, 1), FOREVER),
]
PROGRAMME = [  # a city's own, in place of the national limit
    _fume("city-programme", "", "oil_fume", 1, LONG_AGO),
    _fume("city-programme", "", "nmhc", 10, LONG_AGO),
]


class Sample(NamedTuple):
    value: Decimal
    flag: str


class Hour(NamedTuple):
    value: Decimal
    primary: list[str] | None


Hours = Mapping[tuple[str, str, datetime], Hour]


def judge(
    reports: Iterable[str], sites: Mapping[str, Any], context: Iterable[str], limits: list[Limit]
) -> tuple[list[dict[str, Any]], set[str]]:
    """Every evaluation of JSON lines (design §8), and the devices that no site has."""
    samples = _by_device_and_factor(reports)
    hours = _hours(context)
    found: list[dict[str, Any]] = []
    for (device, factor), taken in samples.items():
        if device in sites:
            site = sites[device]
            asked = [limit for limit in limits if limit.factor == factor and _is_for(limit, site)]
            found += _judge_factor(device, taken, site, hours, asked)
    return found, {device for device, _ in samples} - set(sites)


def _is_for(limit: Limit, site: Any) -> bool:
    return bool(limit.kind == site["kind"] and site["area"].startswith(limit.area))


def _by_device_and_factor(reports: Iterable[str]) -> dict[tuple[str, str], dict[datetime, Sample]]:
    """A repeat of device, instant and factor counts once: the first wins."""
    samples: dict[tuple[str, str], dict[datetime, Sample]] = {}
    for line in reports:
        report = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        at = _instant(report["at"])
        for factor, value in report["readings"].items():
            taken = samples.setdefault((report["device"], factor), {})
            taken.setdefault(at, Sample(value, report.get("flags", {}).get(factor, "N")))
    return samples


def _hours(context: Iterable[str]) -> Hours:
    hours = {}
    for line in context:
        one = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        hours[one["series"], one["area"], _instant(one["at"])] = Hour(one["value"], one.get("primary"))
    return hours


def _instant(at: str | Decimal) -> datetime:
    """Milliseconds are as fine as ``at`` can be in both of its forms; what is finer is cut."""
    if isinstance(at, str):
        finer = datetime.fromisoformat(at).astimezone(CHINA)
        return finer.replace(microsecond=finer.microsecond // 1000 * 1000)
    return (EPOCH + timedelta(milliseconds=int(at))).astimezone(CHINA)


def _judge_factor(
    device: str, taken: Mapping[datetime, Sample], site: Any, hours: Hours, limits: list[Limit]
) -> Iterator[dict[str, Any]]:
    for limit in limits:
        for start, inside in _windows(taken, limit.minutes):
            if not _holds(limit, limits, start, site):
                continue
            result = _judge_window(limit, inside, start, site, hours)
            end = start + timedelta(minutes=limit.minutes)
            yield {"device": device, "window_start": start, "window_end": end, **result}


def _windows(taken: Mapping[datetime, Sample], minutes: int) -> Iterator[tuple[datetime, list[Sample]]]:
    """Every aligned window from the factor's first report to its last, with what is inside."""
    inside: dict[datetime, list[Sample]] = {}
    for at, sample in taken.items():
        start = at.replace(minute=at.minute // minutes * minutes, second=0, microsecond=0)
        inside.setdefault(start, []).append(sample)
    start, last = min(inside), max(inside)
    while start <= last:
        yield start, inside.get(start, [])
        start += timedelta(minutes=minutes)


def _holds(limit: Limit, rivals: Iterable[Limit], start: datetime, site: Any) -> bool:
    """In force that day, not replaced by a more specific area's, at that hour, at that site."""
    in_force = [one for one in rivals if one.since <= start.date() <= one.until]
    if limit not in in_force or any(len(one.area) > len(limit.area) for one in in_force):
        return False
    hours = "day" if 6 <= start.hour < 22 else "night"
    return limit.hours in ("all", hours) and (site.get("sensitive", False) or not limit.only_sensitive)


def _judge_window(
    limit: Limit, inside: list[Sample], start: datetime, site: Any, hours: Hours
) -> dict[str, Any]:
    valid = [sample.value for sample in inside if sample.flag == "N"]
    expected = limit.minutes * 60 // int(site.get("interval_s", 60))
    saturated = any(sample.flag == "T" for sample in inside)
    result = {
        "standard": limit.standard,
        "factor": limit.factor,
        "statistic": limit.statistic,
        "limit_value": limit.value,
        "unit": limit.unit,
        "n_valid": len(valid),
        "n_expected": expected,
        "revision": 1,
        "final": True,
    }
    if not valid or not expected or len(valid) < VALID_SHARE * expected:
        return {**result, "verdict": "invalid", "value": None, "adjusted": saturated}
    verdict, value, adjusted = _compare(limit, _statistic(limit, valid), start, site["area"], hours)
    return {**result, "verdict": verdict, "value": value, "adjusted": adjusted or saturated}


def _statistic(limit: Limit, values: list[Decimal]) -> Decimal:
    if limit.statistic == "max":
        return max(values)
    if limit.statistic == "mean":
        return EXACT.divide(sum(values, Decimal(0)), Decimal(len(values)))
    energies = [EXACT.power(10, EXACT.divide(value, 10)) for value in values]
    return 10 * EXACT.log10(EXACT.divide(sum(energies, Decimal(0)), Decimal(len(values))))


def _compare(
    limit: Limit, figure: Decimal, start: datetime, area: str, hours: Hours
) -> tuple[str, Decimal | None, bool]:
    """The verdict, the figure compared, and whether it was adjusted or could not be.

    ``most`` and ``least`` bound what the deduction can be: if the verdict is the same at both,
    what is not known does not matter.
    """
    least, most = _deduction(limit, figure, start, area, hours)
    if _exceeds(figure - least, limit) != _exceeds(figure - most, limit):
        return "indeterminate", None, True
    if _exceeds(figure - most, limit):
        return "exceed", _rounded(figure - most), bool(most) or limit.less.startswith("city")
    if least != most and limit.less.startswith("city"):
        return "pass", None, True  # there is no difference to show
    return "pass", _rounded(figure - least), bool(least) or limit.less.startswith("city")


def _deduction(
    limit: Limit, figure: Decimal, start: datetime, area: str, hours: Hours
) -> tuple[Decimal, Decimal]:
    """The least and the most that is taken off the figure: the same, if all is known."""
    nothing, anything = Decimal(0), figure
    hour = start.replace(minute=0)
    if not limit.less:
        return nothing, nothing
    if limit.less == "200 at bad AQI":
        return _deduction_by_aqi(_latest(hours, "city.aqi", area, hour), anything)
    cap = Decimal(150) if limit.less == "city up to 150" else None
    city = _latest(hours, "city.pm10", area, hour)
    if city is None:
        return nothing, cap if cap is not None else anything
    deducted = city.value if cap is None else min(city.value, cap)
    return deducted, deducted


def _deduction_by_aqi(aqi: Hour | None, anything: Decimal) -> tuple[Decimal, Decimal]:
    nothing, some = Decimal(0), Decimal(200)
    if aqi is None or aqi.value > 300:
        return nothing, anything  # above 300 nothing is evaluated: a person must look at it
    if aqi.value < 200:
        return nothing, nothing
    if not aqi.primary:  # above 50 there always is one (HJ 633): none is not known
        return nothing, some
    dusty = not {"pm10", "pm25"}.isdisjoint(aqi.primary)
    return (some, some) if dusty else (nothing, nothing)


def _latest(hours: Hours, series: str, area: str, hour: datetime) -> Hour | None:
    """The value of that hour whose area is the longest prefix of the site's."""
    prefixes = [area[:length] for length in range(len(area), -1, -1)]
    return next((hours[series, one, hour] for one in prefixes if (series, one, hour) in hours), None)


def _exceeds(figure: Decimal, limit: Limit) -> bool:
    return _rounded(figure) > limit.value


def _rounded(figure: Decimal) -> Decimal:
    return figure.quantize(Decimal("0.000001"), rounding=ROUND_HALF_EVEN)
