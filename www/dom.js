/** Elements made of names, properties and children; no text ever becomes markup. */

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Return an element `name` with `properties` set and `children` (elements, text, or null for none) inside. */
export function element(name, properties = {}, ...children) {
  return furnish(document.createElement(name), properties, children);
}

/** Return an SVG element; see `element`. */
export function svg(name, properties = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), properties, children);
}

function furnish(made, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Copy `text` and say so on `button` for a while. */
export async function copy(text, button, say) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS or permission there is no clipboard: a selected field can be copied by hand.
    const area = element("textarea", { readonly: true, class: "spoken" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const before = button.dataset.label ?? button.textContent;
  button.dataset.label = before;
  button.textContent = "Copied";
  say("Copied.");
  setTimeout(() => (button.textContent = before), 1500);
}
