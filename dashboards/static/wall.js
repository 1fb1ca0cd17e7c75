// The wall: one state, told to every tile when it changes.
import { config, text } from "./config.js";
import { clock, date, now } from "./format.js";
import { follow } from "./link.js";
import { showCounts } from "./counts.js";
import { showFeed } from "./feed.js";
import { showCases } from "./cases.js";
import { showFreshness } from "./freshness.js";
import { createMap } from "./map.js";
import { createCurve } from "./curve.js";
import { createTrend } from "./trend.js";
import { openSite } from "./panel.js";

const RELOAD_AFTER_MS = 24 * 3600 * 1000; // a screen that runs for months starts clean once a day
const state = {};
const loadedAt = Date.now();
let link = { status: "connecting" };

const byId = (id) => document.getElementById(id);
const charts = window.echarts
  ? { map: createMap(byId("map"), byId("legend"), openSite), curve: createCurve(byId("curve")), trend: createTrend(byId("trend")) }
  : missingCharts();

function missingCharts() {
  for (const id of ["map", "curve", "trend"]) byId(id).textContent = text("no_chart");
  return { map() {}, curve() {}, trend() {} };
}

/** Section → what to draw again when it changes. */
const tiles = [
  [["counts", "freshness"], () => showCounts(byId("counts"), state)],
  [["feed", "freshness"], () => showFeed(byId("feed"), state)],
  [["cases"], () => showCases(byId("cases"), state.cases)],
  [["places", "status", "outlines"], () => charts.map(state)],
  [["charts", "freshness"], () => charts.curve(state)],
  [["trend", "freshness"], () => charts.trend(state)],
];

function onState(values, whole) {
  for (const [section, value] of Object.entries(values)) {
    const isObject = value && typeof value === "object" && !Array.isArray(value);
    state[section] = isObject && !whole ? { ...state[section], ...value } : value;
  }
  for (const [sections, draw] of tiles) {
    if (sections.some((section) => section in values)) draw();
  }
  if (Object.keys(values).length) tick();
  document.body.dataset.ready = "yes";
}

function onLink(status, message) {
  link = { status, readAt: message?.read_at ?? link.readAt };
  showLink();
}

function showLink() {
  const { status, readAt } = link;
  const at = readAt ? clock(Date.parse(readAt)) : text("never");
  const banner = byId("banner");
  const broken = { lost: "lost", login: "login_lost", database: "trouble_database", failed: "trouble_failed" }[status];
  banner.hidden = !broken;
  const sentence = broken ? text(broken, { at }) : "";
  if (banner.textContent !== sentence) banner.textContent = sentence;
  document.body.dataset.link = status;
  byId("link").textContent = text(broken ? "stale" : status);
}

function tick() {
  byId("clock").replaceChildren(date(now()), " ", Object.assign(document.createElement("b"), { textContent: clock() }));
  showFreshness(document, state.freshness);
  for (const element of document.querySelectorAll("[data-age]")) element.refresh?.();
  if (Date.now() - loadedAt > RELOAD_AFTER_MS && link.status === "live") location.reload();
}

if (config.lang) showLink();
follow(onState, onLink);
setInterval(tick, 1000);
tick();
