"""The city's overview (烟尘城市总览): its sections and panels in reading order.

It has no geographical map: Grafana's map asks an outside host for its tiles, and a
command centre's network often has none. The built-in wall draws the city's own outlines.
"""

from typing import Final

from grafana_foundation_sdk.builders import dashboard, timeseries
from grafana_foundation_sdk.models.dashboard import Dashboard, DynamicConfigValue, VariableRefresh

from dashboards.grafana.source import SOURCE
from dashboards.grafana.style import BAD, WARN, Section, bars, curve, figure, fixed, rows, section
from dashboards.queries import load

UID: Final = "yanchen-city"


def overview() -> Dashboard:
    """The dashboard, with the same uid for ever."""
    built = (
        dashboard.Dashboard("烟尘城市总览 · Yanchen city overview")
        .uid(UID)
        .description("餐饮油烟、扬尘、噪声：超标、案件与数据质量。Exceedances, cases and data quality.")
        .tags(["yanchen"])
        .timezone("Asia/Shanghai")
        .time("now-24h", "now")
        .refresh("10s")
        .readonly()
        .with_variable(_variable("site", "场所 site", VariableRefresh.ON_DASHBOARD_LOAD))
        .with_variable(_variable("factor", "因子 factor", VariableRefresh.ON_TIME_RANGE_CHANGED))
    )
    for heading, panels in _sections():
        built.with_row(heading)
        for panel in panels:
            built.with_panel(panel)
    return _numbered(built.build())


def _numbered(made: Dashboard) -> Dashboard:
    """Give each panel an id, which links to a panel need."""
    for number, panel in enumerate(made.panels or [], start=1):
        panel.id_val = number
    return made


def _variable(name: str, label: str, refresh: VariableRefresh) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(load(f"grafana/variable_{name}"))
        .refresh(refresh)
    )


def _against_limit() -> timeseries.Panel:
    """The limit is drawn as it held in each window: it changes by place, hour and season."""
    return (
        curve(
            "评价值与限值 · judged values against the limit",
            "site_against_limit",
            description="所选场所与因子。The chosen site and factor.",
        )
        .override_by_name(
            "限值 limit",
            [
                DynamicConfigValue("color", fixed(BAD)),
                DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 6]}),
            ],
        )
        .span(24)
    )


def _sections() -> tuple[Section, ...]:
    """Heading and panels, in reading order."""
    return (
        section(
            "现在 · now",
            figure("在线设备 · devices reporting", "devices"),
            figure("超标时段 · exceeding windows", "exceedances", steps=((1, BAD),)),
            figure("在办案件 · open cases", "open_cases", steps=((1, WARN),)),
            figure("签收率 · acknowledged", "acknowledged", unit="percentunit"),
            figure("告知 · notices", "notices"),
            figure("最新报文 · newest report", "report_age", unit="s", steps=((300, WARN), (3600, BAD))),
        ),
        section(
            "超标 · exceedances",
            bars(
                "超标走势 · exceedances over time",
                "exceedances_over_time",
                description="判定为超标的评价时段数。Windows whose verdict is exceed.",
            ),
            rows(
                "最新超标 · latest exceedances", "exceedances_latest", description="含暂定。Also provisional."
            ),
            _against_limit(),
        ),
        section(
            "案件 · cases",
            rows("在办案件 · open cases", "cases_open", description="未签收在前。Not acknowledged first."),
            rows("中队办理 · by squad", "cases_by_squad", description="所选时间内立案。Opened then."),
        ),
        section(
            "数据 · data",
            bars(
                "报文去向 · what became of the reports",
                "ledger",
                description="每小时入库、拒收、重复。Stored, rejected, duplicate by hour.",
            ),
            rows("失联设备 · silent devices", "silent", description="应报未报。They should report."),
        ),
    )
