// Colours and sizes for the charts, taken from the stylesheet so that both agree.

const style = () => getComputedStyle(document.documentElement);

/** The value of a custom property, such as colour("--bad"). */
export const colour = (name) => style().getPropertyValue(name).trim();

/** Pixels of so many root ems: charts grow with the screen like the rest. */
export const rem = (n) => n * parseFloat(style().fontSize);

export const fontFamily = () => style().getPropertyValue("font-family");

/** Whether movement is unwelcome on this machine. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A chart in an element that follows its size. */
export function chartIn(element, redraw) {
  const chart = window.echarts.init(element, null, { renderer: "canvas" });
  new ResizeObserver(() => {
    chart.resize();
    redraw();
  }).observe(element);
  return chart;
}

/** Text style of axes and labels. */
export const words = (name = "--muted", size = 0.75) => ({
  color: colour(name), fontSize: rem(size), fontFamily: fontFamily(),
});

/** A sentence in the middle of an empty chart. */
export const emptyOption = (sentence) => ({
  title: { text: sentence, left: "center", top: "middle", textStyle: { ...words("--muted", 0.95), fontWeight: 400 } },
});

export const tooltip = () => ({
  renderMode: "richText",
  backgroundColor: colour("--raised"),
  borderColor: colour("--line-strong"),
  textStyle: words("--ink", 0.8),
  confine: true,
});
