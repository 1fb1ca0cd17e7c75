// Signs on the map and in the lists. Kind is shape, state is size, filling and ring:
// colour only repeats what the form says.
import { svg } from "./dom.js";

export const STATES = ["exceed", "case", "offline", "ok"];
export const SHAPES = { restaurant: "circle", construction: "triangle" };

const OUTLINES = {
  restaurant: (size) => svg("circle", { cx: 12, cy: 12, r: size }),
  construction: (size) => svg("path", {
    d: `M12 ${12 - size * 1.15} L${12 + size * 1.1} ${12 + size * 0.85} L${12 - size * 1.1} ${12 + size * 0.85}Z`,
    "stroke-linejoin": "round",
  }),
};
const SIZES = { exceed: 7, case: 6, offline: 5, ok: 4.5, plain: 5.5 };

/** A small sign, the same as on the map; decorative, because the text beside it says it. */
export function glyph(kind, state) {
  const outline = OUTLINES[kind] ?? OUTLINES.restaurant;
  const sign = svg("svg", { viewBox: "0 0 24 24", class: `glyph ${state}`, "aria-hidden": "true" });
  if (state === "exceed") {
    const ring = svg("circle", { cx: 12, cy: 12, r: 10.5, class: "ring" });
    sign.append(ring);
  }
  sign.append(outline(SIZES[state]));
  return sign;
}
