// Exceedances as they are judged, the newest first.
import { factorName, text } from "./config.js";
import { h, showRows } from "./dom.js";
import { age, excess, time, value } from "./format.js";
import { living } from "./ages.js";
import { nothing } from "./freshness.js";
import { openSite } from "./panel.js";
import { glyph } from "./symbols.js";

export function showFeed(list, { feed, freshness }) {
  if (feed) showRows(list, feed, (row) => row.id, draw, nothing(freshness, "no_exceedance"));
}

function draw(row) {
  const marks = [
    !row.final && text("provisional"),
    row.revision > 1 && text("revised", { n: row.revision }),
  ].filter(Boolean);
  return h("li.row", {},
    h("button.site", { type: "button", onclick: () => openSite(row.site) },
      glyph(row.kind, "exceed"), h("span.name", {}, row.name)),
    living("span.age", () => age(row.window_end)),
    h("p.judged", {},
      h("span.factor", {}, factorName(row.factor)),
      h("b", {}, value(row.value)), ` / ${text("limit")} ${value(row.limit_value)} ${row.unit}`,
      h("span.excess", {}, excess(row.value, row.limit_value, row.unit))),
    h("p.note", { title: `${text("clause")} ${row.clause}` },
      `${time(row.window_start)}–${time(row.window_end)} · ${row.standard}`,
      marks.map((mark) => h("span.mark", {}, mark))));
}
