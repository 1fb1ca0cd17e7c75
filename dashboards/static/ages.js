// Texts that grow older by themselves.
import { h } from "./dom.js";

/** An element whose text is made anew every second by the wall's tick. */
export function living(name, make) {
  const element = h(name, { "data-age": "" }, make());
  element.refresh = () => {
    const text = make();
    if (element.textContent !== text) element.textContent = text;
  };
  return element;
}
