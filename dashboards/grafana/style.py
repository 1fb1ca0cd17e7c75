"""The house style of our panels: what all stats, curves and tables have in common."""

from typing import Final, TypeAlias

from grafana_foundation_sdk.builders import common, dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    StackingMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
)

from dashboards.grafana.source import SOURCE, Query

NO_DATA: Final = "暂无数据 no data yet"
CALM: Final = "text"
WARN: Final = "orange"
BAD: Final = "red"


def figure(
    title: str, query: str, *, unit: str = "none", steps: tuple[tuple[float, str], ...] = ()
) -> stat.Panel:
    """A row of figures; ``steps`` are the values from which a colour asks for attention."""
    return (
        stat.Panel()
        .title(title)
        .datasource(SOURCE)
        .with_target(Query(query))
        .unit(unit)
        .no_value(NO_DATA)
        .thresholds(_thresholds(steps))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .span(4)
        .height(4)
    )


def curve(title: str, query: str, *, description: str, unit: str = "none") -> timeseries.Panel:
    """Lines over time, gaps left open."""
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .with_target(Query(query, "time_series"))
        .unit(unit)
        .no_value(NO_DATA)
        .legend(_legend())
        .line_width(2)
        .line_interpolation(LineInterpolation.STEP_BEFORE)
        .show_points(VisibilityMode.AUTO)
        .span(12)
        .height(9)
    )


def bars(title: str, query: str, *, description: str) -> timeseries.Panel:
    """Stacked bars over time."""
    return (
        curve(title, query, description=description)
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    )


def rows(title: str, query: str, *, description: str) -> table.Panel:
    """A table."""
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .with_target(Query(query))
        .no_value(NO_DATA)
        .span(12)
        .height(9)
    )


Section: TypeAlias = tuple[dashboard.Row, tuple[Builder[Panel], ...]]


def section(title: str, *panels: Builder[Panel]) -> Section:
    """A heading and the panels below it."""
    return dashboard.Row(title), panels


def _thresholds(steps: tuple[tuple[float, str], ...]) -> dashboard.ThresholdsConfig:
    first = Threshold(value=None, color=CALM)
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([first, *(Threshold(value=value, color=color) for value, color in steps)])
    )


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def fixed(color: str) -> dict[str, object]:
    """The value of a colour override."""
    return {"mode": FieldColorModeId.FIXED.value, "fixedColor": color}
