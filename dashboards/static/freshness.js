// How new and how complete the data under each tile is.
import { text } from "./config.js";
import { age, seconds, share } from "./format.js";

const STALE_AFTER_S = { reports: 300, evaluations: 5400 };

/** The sentence for one source, and whether it is too old to be trusted as the present. */
export function freshness(source, fresh) {
  if (!fresh || !fresh.newest_report) return { sentence: text("no_data"), stale: true, none: true };
  const reports = { age: age(fresh.newest_report), share: share(fresh.received, fresh.expected) };
  const judged = { age: fresh.newest_evaluation ? age(fresh.newest_evaluation) : text("not_lately"), share: share(fresh.decided, fresh.evaluations) };
  const sentence = {
    reports: () => text("fresh_reports", reports),
    evaluations: () => text("fresh_evaluations", judged),
    cases: () => text("fresh_cases", { age: age(fresh.newest_case), judged: judged.age }),
  }[source]();
  return { sentence, stale: isStale(source, fresh) };
}

function isStale(source, fresh) {
  const [newest, limit] = source === "reports"
    ? [fresh.newest_report, STALE_AFTER_S.reports]
    : [fresh.newest_evaluation, STALE_AFTER_S.evaluations];
  return !newest || seconds(newest) > limit;
}

/** What an empty list means: nothing exceeded, or nothing judged. Only the first is good news. */
export const nothing = (fresh, sentence) => text(fresh?.newest_evaluation ? sentence : "no_data");

/** Write the sentence into every tile that asks for one. */
export function showFreshness(root, fresh) {
  for (const element of root.querySelectorAll("[data-fresh]")) {
    const { sentence, stale, none } = freshness(element.dataset.fresh, fresh);
    const shown = stale && !none ? `${text("stale")} · ${sentence}` : sentence;
    if (element.textContent !== shown) element.textContent = shown;
    element.classList.toggle("stale", stale);
  }
}
