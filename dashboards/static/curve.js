// The limits most exceeded of late, one site after the other: readings, judged values, the limit.
import { factorName, text } from "./config.js";
import { h } from "./dom.js";
import { clock, value } from "./format.js";
import { nothing } from "./freshness.js";
import { glyph } from "./symbols.js";
import { chartIn, colour, emptyOption, rem, tooltip, words } from "./theme.js";

const TURN_MS = 12000;

/** A function that takes the charts to show in turn. */
export function createCurve(element) {
  let charts = null;
  let shown = 0;
  let held = false;
  let empty = "";
  const tile = element.closest(".tile");
  const chart = chartIn(element, draw);
  for (const [event, hold] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
    tile.addEventListener(event, () => { held = hold; });
  }
  setInterval(() => {
    if (held || !charts || charts.length < 2) return;
    shown = (shown + 1) % charts.length;
    draw();
  }, TURN_MS);

  function pick(i) {
    shown = i;
    draw();
    document.getElementById("curve-pick").children[i]?.focus();
  }

  function draw() {
    if (!charts) return;
    shown = Math.min(shown, Math.max(0, charts.length - 1));
    const one = charts[shown];
    showHead(one, charts, shown, pick);
    chart.setOption(one ? option(one) : emptyOption(empty), true);
  }

  return (state) => {
    const same = state.charts === charts && charts?.length;
    charts = state.charts ?? null;
    empty = nothing(state.freshness, "no_curve");
    if (!same) draw();
  };
}

function showHead(one, charts, shown, pick) {
  document.getElementById("curve-of").replaceChildren(...(one ? [
    glyph(one.kind, "exceed"), h("b", {}, one.name),
    ` ${factorName(one.factor)} (${one.unit}) · ${one.standard}`,
  ] : []));
  const nav = document.getElementById("curve-pick");
  const focused = nav.contains(document.activeElement);
  nav.replaceChildren(...charts.map((chart, i) => h("button", {
    type: "button", "aria-label": chart.name, "aria-current": i === shown ? "true" : null, onclick: () => pick(i),
  }, String(i + 1))));
  if (focused) nav.children[shown]?.focus();
}

function option(one) {
  const hour = (ms) => clock(ms).slice(0, 5);
  const limits = one.windows.map(([at, , limit]) => [at, limit]);
  if (limits.length) limits.unshift([Math.min(limits[0][0], one.readings[0]?.[0] ?? limits[0][0]), limits[0][1]]);
  return {
    animation: false,
    grid: { top: rem(1.8), right: rem(1.2), bottom: rem(1.7), left: rem(3.2) },
    legend: { top: 0, right: rem(0.8), itemWidth: rem(1.2), itemHeight: rem(0.6), textStyle: words() },
    tooltip: { ...tooltip(), trigger: "axis", valueFormatter: (x) => `${value(x)} ${one.unit}` },
    xAxis: {
      type: "time", axisLabel: { ...words(), formatter: hour, hideOverlap: true },
      axisLine: { lineStyle: { color: colour("--line-strong") } }, axisPointer: { label: { formatter: ({ value: at }) => hour(at) } },
    },
    yAxis: {
      type: "value", scale: one.unit.startsWith("dB"), splitNumber: 3, axisLabel: words(),
      splitLine: { lineStyle: { color: colour("--line") } },
    },
    series: [
      { name: text("reading"), type: "line", data: one.readings, showSymbol: false, sampling: "lttb",
        color: colour("--accent"), lineStyle: { width: rem(0.09), opacity: 0.75 } },
      { name: text("window_mean"), type: "line", step: "end", data: one.windows.map(judged), symbol: "circle", symbolSize: rem(0.45),
        color: colour("--ink"), lineStyle: { width: rem(0.11) } },
      { name: text("limit"), type: "line", step: "end", data: limits, showSymbol: false,
        color: colour("--exceed"), lineStyle: { width: rem(0.12), type: "dashed" } },
    ],
  };
}

const judged = ([at, figure, , verdict]) => ({
  value: [at, figure],
  symbol: verdict === "exceed" ? "diamond" : "circle",
  symbolSize: rem(verdict === "exceed" ? 0.7 : 0.4),
  itemStyle: { color: colour(verdict === "exceed" ? "--exceed" : "--ink") },
});
