// One site: its newest readings, verdicts and cases, beside the map.
import { config, factorName, text } from "./config.js";
import { h } from "./dom.js";
import { age, excess, time, value } from "./format.js";
import { living } from "./ages.js";
import { glyph } from "./symbols.js";

const REFRESH_MS = 10000;
const panel = document.getElementById("panel");
let opened = null;
let cameFrom = null;

/** Open the panel of a site; it keeps itself new until it is closed. */
export async function openSite(site) {
  if (opened === null) cameFrom = document.activeElement;
  const first = opened !== site;
  opened = site;
  if (first) panel.replaceChildren(close());
  panel.hidden = false;
  await refresh();
  if (first) panel.querySelector("button")?.focus();
}

export function closeSite() {
  opened = null;
  panel.hidden = true;
  if (cameFrom?.isConnected) cameFrom.focus();
}

async function refresh() {
  const asked = opened;
  const answer = await fetch(`${config.base}/site/${encodeURIComponent(asked)}.json`).catch(() => null);
  if (opened !== asked) return;
  const focused = panel.contains(document.activeElement);
  const body = answer?.ok ? draw(await answer.json()) : [h("p.empty", {}, text("panel_failed"))];
  panel.replaceChildren(close(), ...body);
  if (focused) panel.querySelector("button").focus();
}

const close = () => h("button.close", { type: "button", "aria-label": text("close"), onclick: closeSite }, "×");

function draw(site) {
  return [
    h("h3", {}, glyph(site.kind, "plain"), site.name),
    h("p.note", {}, [text(site.kind), site.grid, site.address].filter(Boolean).join(" · ")),
    ...site.devices.map(deviceLine),
    h("h4", {}, text("panel_readings")), readings(site.readings),
    h("h4", {}, text("panel_verdicts")), verdicts(site.verdicts),
    site.cases.length ? h("h4", {}, text("panel_cases")) : "", cases(site.cases),
  ].filter(Boolean);
}

const deviceLine = (device) => h("p.note", {}, `${text("device")} ${device.device} · `,
  living("span", () => age(device.last_report_at)), device.online === false ? ` · ${text("offline")}` : "");

const none = () => h("p.empty", {}, text("no_data"));

function readings(rows) {
  if (!rows.length) return none();
  return h("ul.readings", {}, rows.map((row) => h("li", {},
    h("span", {}, factorName(row.factor)),
    h("b", {}, value(row.value)), h("span.unit", {}, `${config.units[row.factor] ?? ""}${row.flag === "N" ? "" : ` [${row.flag}]`}`),
    living("span.age", () => age(row.at)))));
}

function verdicts(rows) {
  if (!rows.length) return none();
  return h("ul.verdicts", {}, rows.map((row) => h("li", { "data-verdict": row.verdict, title: `${row.standard} ${row.clause} · ${text("valid_of", { n: row.n_valid, m: row.n_expected })}` },
    h("span.age", {}, `${time(row.window_start)}–${time(row.window_end)}`),
    h("span", {}, `${factorName(row.factor)} ${value(row.value)} / ${value(row.limit_value)} ${row.unit}`),
    h("b", {}, text(`verdict_${row.verdict}`), row.verdict === "exceed" ? ` ${excess(row.value, row.limit_value, row.unit)}` : ""))));
}

const cases = (rows) => (rows.length ? h("ul.verdicts", {}, rows.map((row) => h("li", {},
  h("span.age", {}, time(row.opened_at)),
  h("span", {}, `${text("case_number", { id: row.case_id })} ${text(row.nuisance)} ${row.squad ?? ""}`),
  h("b", {}, text(`case_${row.state}`))))) : null);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened !== null) closeSite();
});
setInterval(() => opened !== null && refresh(), REFRESH_MS);
