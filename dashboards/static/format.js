// Numbers, times and ages as people of the page's language write them, in China's time,
// counted from the server's clock: the screen's own may be wrong.
import { config, text } from "./config.js";

const locale = config.lang === "en" ? "en-GB" : "zh-CN";
const zone = { timeZone: "Asia/Shanghai", hour12: false };
const clockOf = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const timeOf = new Intl.DateTimeFormat(locale, { ...zone, hour: "2-digit", minute: "2-digit" });
const dayOf = new Intl.DateTimeFormat(locale, { ...zone, month: "numeric", day: "numeric" });
const dateOf = new Intl.DateTimeFormat(locale, {
  ...zone, year: "numeric", month: "long", day: "numeric", weekday: "long",
});
const ago = new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "short" });
const whole = new Intl.NumberFormat(locale);
const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [Infinity, "day", 86400]];

let offset = 0;

/** Take the server's clock as the right one. */
export function setServerNow(iso) {
  offset = Date.parse(iso) - Date.now();
}

export const now = () => Date.now() + offset;
export const clock = (at = now()) => clockOf.format(at);
export const date = (at = now()) => dateOf.format(at);
export const count = (n) => (n == null ? "–" : whole.format(n));
export const share = (part, all) => (all ? percent.format(part / all) : "–");
export const seconds = (iso) => Math.max(0, Math.round((now() - Date.parse(iso)) / 1000));

/** Hour and minute, and the day where it is not today. */
export function time(iso) {
  const at = Date.parse(iso);
  const today = dayOf.format(at) === dayOf.format(now());
  return today ? timeOf.format(at) : `${dayOf.format(at)} ${timeOf.format(at)}`;
}

/** A measured value: as many digits as mean something. */
export function value(x) {
  if (x == null) return "–";
  const digits = Math.abs(x) >= 100 ? 0 : Math.abs(x) >= 10 ? 1 : 2;
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(x);
}

/** How far above the limit: decibels are compared by difference, amounts by ratio. */
export function excess(figure, limit, unit) {
  if (figure == null) return "";
  if (unit.startsWith("dB")) return `+${value(figure - limit)} dB`;
  return limit > 0 ? `× ${value(figure / limit)}` : "";
}

function scaled(iso) {
  const age = seconds(iso);
  const [, unit, size] = STEPS.find(([below]) => age < below);
  return [Math.floor(age / size), unit];
}

/** "3 minutes ago", in words. */
export function age(iso) {
  if (!iso) return text("never");
  const [n, unit] = scaled(iso);
  return ago.format(-n, unit);
}

/** How long something has lasted. */
export function lasting(iso) {
  const [n, unit] = scaled(iso);
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(n);
}
