// What the page was made with: language, texts, names of factors, where the server is.
export const config = JSON.parse(document.getElementById("config").textContent);

/** The text of a key, with {name} replaced by the given values. */
export function text(key, values = {}) {
  const pattern = config.texts[key] ?? key;
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The name of a factor in the page's language. */
export const factorName = (factor) => config.factors[factor] ?? factor;
