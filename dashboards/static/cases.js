// Open cases: where they stand, whose they are, and who has acknowledged them.
import { text } from "./config.js";
import { h, showRows } from "./dom.js";
import { lasting, time } from "./format.js";
import { living } from "./ages.js";
import { openSite } from "./panel.js";
import { glyph } from "./symbols.js";

const STEPS = ["open", "notified", "acknowledged", "on_site", "rectified"];

export function showCases(list, cases) {
  if (cases) showRows(list, cases, (row) => row.case_id, draw, text("no_cases"));
}

function draw(row) {
  const waiting = !row.acknowledged_at;
  return h(waiting ? "li.row.waiting" : "li.row", { "data-case": row.case_id, "data-state": row.state },
    h("button.site", { type: "button", onclick: () => openSite(row.site) },
      glyph(row.kind, "case"), h("span.name", {}, row.name)),
    living("span.age", () => text("opened_for", { age: lasting(row.opened_at) })),
    h("p.judged", {},
      h("span.factor", {}, text(row.nuisance)), h("span", {}, row.squad ?? text("squad_none")),
      row.first_offence && h("span.mark", {}, text("first_offence")),
      row.escalation > 0 && h("span.mark.bad", {}, text("escalated", { n: row.escalation }))),
    progress(row.state),
    h("p.note", {}, waiting ? text("not_acknowledged")
      : text("acknowledged_by", { who: row.acknowledged_by, when: time(row.acknowledged_at) })));
}

/** How far the case has come: five steps, the present one named. */
function progress(state) {
  const reached = STEPS.indexOf(state);
  return h("p.steps", {},
    h("span.bar", { "aria-hidden": "true" }, STEPS.map((step, i) => h(i <= reached ? "i.done" : "i"))),
    h("span.step", {}, text(`case_${state}`)));
}
