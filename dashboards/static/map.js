// The map of sites, on the operator's own outlines; without any, on longitude and latitude.
import { text } from "./config.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { glyph, SHAPES, STATES } from "./symbols.js";
import { chartIn, colour, emptyOption, rem, still, tooltip, words } from "./theme.js";

const MAX_LABELS = 12;
const DRAW_ORDER = ["offline", "ok", "case", "exceed"];

/** A function that draws the state of all sites; a click opens a site. */
export function createMap(element, legend, open) {
  let last = {};
  let outlined = null;
  const chart = chartIn(element, () => draw(last, true));
  chart.on("click", (event) => event.data?.site && open(event.data.site));

  function draw(state, whole = false) {
    const fresh = last.outlines !== state.outlines || last.places !== state.places || whole;
    last = { ...state };
    showLegend(legend, state.status);
    if (!state.places) return;
    if (!state.places.length) {
      chart.setOption(emptyOption(text("no_data")), true);
      return;
    }
    if (fresh) outlined = register(state.outlines);
    const base = fresh ? (outlined ? geo() : plane(state.places, chart)) : {};
    chart.setOption({ ...base, tooltip: tooltip(), series: series(state, outlined) }, { notMerge: fresh, lazyUpdate: true });
  }
  return draw;
}

function register(outlines) {
  if (!outlines?.length) return false;
  const features = outlines.map(({ code, name, outline }) => ({
    type: "Feature", id: code, properties: { name }, geometry: outline,
  }));
  window.echarts.registerMap("city", { type: "FeatureCollection", features });
  return true;
}

function geo() {
  return {
    geo: {
      map: "city", roam: true, scaleLimit: { min: 0.8, max: 20 }, silent: true,
      top: rem(0.5), bottom: rem(2.6), left: rem(1), right: rem(1),
      itemStyle: { areaColor: colour("--land"), borderColor: colour("--border"), borderWidth: rem(0.06) },
      label: { show: true, ...words("--faint", 0.85) },
      emphasis: { disabled: true },
    },
  };
}

/** Axes with the same scale both ways, so that distances are true. */
function plane(places, chart) {
  const xs = places.map((place) => place.lon);
  const ys = places.map((place) => place.lat);
  const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const extent = (values) => Math.max(0.01, (Math.max(...values) - Math.min(...values)) * 1.15);
  const narrow = Math.cos((middle(ys) * Math.PI) / 180);
  const perPixel = Math.max((extent(xs) * narrow) / chart.getWidth(), extent(ys) / chart.getHeight());
  const axis = (values, half, mark) => ({
    type: "value", min: middle(values) - half, max: middle(values) + half, splitNumber: 4,
    axisLabel: { ...words("--faint", 0.7), formatter: (x) => `${x.toFixed(2)}°${mark}`, showMinLabel: false, showMaxLabel: false },
    splitLine: { lineStyle: { color: colour("--line") } }, axisLine: { show: false }, axisTick: { show: false },
  });
  return {
    grid: { top: rem(0.5), bottom: rem(3.6), left: rem(4), right: rem(1) },
    xAxis: axis(xs, (perPixel * chart.getWidth()) / narrow / 2, "E"),
    yAxis: axis(ys, (perPixel * chart.getHeight()) / 2, "N"),
    dataZoom: [{ type: "inside", xAxisIndex: 0 }, { type: "inside", yAxisIndex: 0 }],
  };
}

function series({ places, status }, outlined) {
  const groups = Object.fromEntries(STATES.map((name) => [name, []]));
  for (const place of places) (groups[status?.[place.site]] ?? groups.offline).push(place);
  return DRAW_ORDER.map((name) => ({
    id: name,
    type: name === "exceed" && !still() ? "effectScatter" : "scatter",
    coordinateSystem: outlined ? "geo" : "cartesian2d",
    z: 5 + DRAW_ORDER.indexOf(name),
    data: groups[name].map((place) => point(place, name, places.length)),
    cursor: "pointer",
    animation: false,
    rippleEffect: { scale: 3, brushType: "stroke", period: 3 },
    tooltip: { formatter: ({ data }) => `${data.name}\n${text(data.kind)} · ${text(`state_${name}`)}\n${data.grid}` },
    ...look(name, groups[name].length),
  }));
}

const SIZES = { exceed: 1.1, case: 0.9, offline: 0.65, ok: 0.55 };

/** Many sites make quiet signs smaller, so that those that matter are still seen. */
const crowd = (state, sites) => (["offline", "ok"].includes(state) ? Math.min(1, Math.max(0.5, Math.sqrt(300 / sites))) : 1);

const point = ({ site, name, kind, grid, lon, lat }, state, sites) => ({
  site, name, kind, grid, value: [lon, lat], symbol: SHAPES[kind] ?? "circle",
  symbolSize: rem(SIZES[state]) * crowd(state, sites) * (kind === "construction" ? 1.15 : 1),
});

/** Filling, border and labels of a state. */
function look(name, n) {
  const tone = colour(`--${name}`);
  const item = {
    exceed: { color: tone, borderColor: colour("--ink"), borderWidth: rem(0.08) },
    case: { color: tone, borderColor: colour("--ink"), borderWidth: rem(0.13) },
    offline: { color: colour("--land"), borderColor: tone, borderWidth: rem(0.12) },
    ok: { color: tone, opacity: 0.9 },
  }[name];
  if (name !== "exceed" || n > MAX_LABELS) return { itemStyle: item, label: { show: false } };
  return {
    itemStyle: item,
    label: {
      show: true, formatter: "{b}", position: "right", distance: rem(0.5), ...words("--ink", 0.8),
      textBorderColor: colour("--tile"), textBorderWidth: rem(0.2),
    },
    labelLayout: { hideOverlap: true, moveOverlap: "shiftY" },
  };
}

function showLegend(legend, status) {
  const totals = Object.fromEntries(STATES.map((name) => [name, 0]));
  for (const name of Object.values(status ?? {})) if (name in totals) totals[name] += 1;
  const kinds = Object.keys(SHAPES).map((kind) => h("span", {}, glyph(kind, "plain"), text(kind)));
  const states = STATES.map((name) => h("span", { "data-total": name },
    glyph("restaurant", name), text(`state_${name}`), h("b", {}, status ? count(totals[name]) : "–")));
  legend.replaceChildren(h("p", {}, states), h("p.kinds", {}, kinds));
}
