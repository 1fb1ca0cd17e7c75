// Elements from data. Text is always set as text, never as markup.

/** An element: h("p.note", {title: "…"}, "text", child). */
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value != null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== "" && child !== false));
  return element;
}

/** An SVG element. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * Show rows by key: rows that stay keep their focus and place, new ones are marked for a moment.
 * A row is drawn again only when its data changed.
 */
export function showRows(list, rows, keyOf, draw, empty) {
  const first = !list.dataset.filled;
  const before = new Map([...list.children].map((row) => [row.dataset.key, row]));
  const shown = rows.map((row) => {
    const key = String(keyOf(row));
    const data = JSON.stringify(row);
    const old = before.get(key);
    if (old?.dataset.data === data) return old;
    const made = draw(row);
    made.dataset.key = key;
    made.dataset.data = data;
    if (!first) made.classList.add("new");
    return made;
  });
  list.dataset.filled = "yes";
  if (!shown.length) shown.push(h("li.empty", {}, empty));
  if (shown.length !== list.children.length || shown.some((row, i) => row !== list.children[i])) {
    const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
    list.replaceChildren(...shown);
    if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }
}
