// Exceeding windows of the last day, hour by hour, by kind of nuisance.
import { text } from "./config.js";
import { nothing } from "./freshness.js";
import { now } from "./format.js";
import { chartIn, colour, emptyOption, rem, tooltip, words } from "./theme.js";

const HOUR_MS = 3600 * 1000;
const NUISANCES = { fume: ["oil_fume", "fume_pm", "nmhc"], dust: ["tsp", "pm10", "pm25"], noise: ["noise", "noise_max"] };
const DECALS = { // patterns beside hues
  fume: null,
  dust: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: 0.8 },
  noise: { symbol: "circle", symbolSize: 0.6, dashArrayX: [[3, 3], [0, 3, 3, 0]], dashArrayY: [4, 2] },
};

/** A function that draws rows of {hour, factor, windows}. */
export function createTrend(element) {
  let rows = null;
  let empty = "";
  const chart = chartIn(element, draw);

  function draw() {
    if (!rows) return;
    chart.setOption(rows.length ? option(rows) : emptyOption(empty), true);
  }

  return (state) => {
    rows = state.trend ?? null;
    empty = nothing(state.freshness, "no_trend");
    draw();
  };
}

function option(rows) {
  const last = Math.floor(now() / HOUR_MS) * HOUR_MS;
  const hours = Array.from({ length: 24 }, (_, i) => last - (23 - i) * HOUR_MS);
  // China's time is a whole number of hours from UTC, so its hours are ours.
  const label = (at) => String((new Date(at).getUTCHours() + 8) % 24).padStart(2, "0");
  return {
    animation: false,
    grid: { top: rem(1.8), right: rem(0.8), bottom: rem(1.7), left: rem(2.6) },
    legend: { top: 0, right: rem(0.4), itemWidth: rem(0.9), itemHeight: rem(0.7), textStyle: words() },
    tooltip: { ...tooltip(), trigger: "axis", axisPointer: { type: "shadow" } },
    xAxis: {
      type: "category", data: hours.map(label), axisLabel: { ...words(), interval: 3 }, axisTick: { show: false },
      axisLine: { lineStyle: { color: colour("--line-strong") } },
    },
    yAxis: {
      type: "value", minInterval: 1, splitNumber: 3, axisLabel: words(),
      splitLine: { lineStyle: { color: colour("--line") } },
    },
    series: Object.entries(NUISANCES).map(([name, factors]) => ({
      name: text(name), type: "bar", stack: "all", barCategoryGap: "35%",
      itemStyle: { color: colour(`--${name}`), decal: DECALS[name] && { ...DECALS[name], color: "rgba(0,0,0,.35)" } },
      data: hours.map((at) => total(rows, at, factors)),
    })),
  };
}

const total = (rows, at, factors) => rows
  .filter((row) => Date.parse(row.hour) === at && factors.includes(row.factor))
  .reduce((sum, row) => sum + row.windows, 0);
