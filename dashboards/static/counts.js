// The row of figures at the top.
import { text } from "./config.js";
import { h } from "./dom.js";
import { count, share } from "./format.js";

/** The figures in reading order: [key, main figure, of what, note, whether it asks for attention, source]. */
function figures(c, judged) {
  return [
    ["devices", c.devices ? count(c.reporting) : "–", `/ ${count(c.devices)}`, text("devices_note"), c.reporting < c.devices * 0.9 && "warn", "reports"],
    ["exceedances", judged || c.exceedances ? count(c.exceedances) : "–", "", text("exceedances_note", { devices: count(c.exceeding_devices) }), c.exceedances && "bad", "evaluations"],
    ["open_cases", count(c.open_cases), "", text("open_cases_note", { waiting: count(c.waiting_cases) }), c.waiting_cases && "warn", "cases"],
    ["notices", count(c.delivered), `/ ${count(c.notices)}`, text("notices_note", { notices: count(c.notices), troubled: count(c.troubled) }), c.troubled && "warn", "cases"],
    ["acknowledged", share(c.acknowledged_cases, c.recent_cases), "", text("acknowledged_note", { acknowledged: count(c.acknowledged_cases), cases: count(c.recent_cases) }), "", "cases"],
    ["rejected", count(c.rejected_reports), "", text("rejected_note", { messages: count(c.rejected_messages) }), c.rejected_reports && "warn", "reports"],
  ];
}

/** Draw the row; nothing read yet shows as such, not as zero. */
export function showCounts(row, { counts, freshness }) {
  if (!counts) return;
  row.replaceChildren(...figures(counts, Boolean(freshness?.newest_evaluation)).map(([key, main, of, note, mood, source]) =>
    h(mood ? `div.count.${mood}` : "div.count", { "data-count": key },
      h("h2", {}, text(key)),
      h("p.figure", {}, h("b", {}, main), of && h("span", {}, ` ${of}`)),
      h("p.note", {}, note),
      h("p.fresh", { "data-fresh": source }))));
}
