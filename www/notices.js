/** Lines under the header: one sentence each, and what to do about it. */

import { byId, element } from "./dom.js";

const shown = new Map();

/**
 * Show a notice in place of the one of that `name`.
 *
 * `kind` is "information", "warning" or "problem"; `action` is [label, function]; `lasting` ones cannot be dismissed.
 */
export function notify(name, kind, sentence, { action = null, lasting = false, strong = null } = {}) {
  const text = element("span", {}, strong ? element("b", {}, `${strong} `) : null, sentence);
  const line = element(
    "div",
    { class: `notice ${kind}`, "data-notice": name, role: kind === "problem" ? "alert" : "status" },
    text,
    action ? element("button", { type: "button", click: action[1] }, action[0]) : null,
    lasting ? null : element("button", { type: "button", class: "dismiss", click: () => withdraw(name) }, "Dismiss"),
  );
  if (shown.has(name)) shown.get(name).replaceWith(line);
  else byId("notices").append(line);
  shown.set(name, line);
}

/** Remove the notice of that name, if there is one. */
export function withdraw(name) {
  shown.get(name)?.remove();
  shown.delete(name);
}

/** Show `sentence` under `name` while `holds`, else remove it. */
export function keep(name, holds, kind, sentence, options) {
  if (holds) notify(name, kind, sentence, options);
  else withdraw(name);
}

let silence = 0;

/** Have a screen reader say `sentence`; of several within a moment, the last. */
export function say(sentence) {
  clearTimeout(silence);
  silence = setTimeout(() => (byId("status").textContent = sentence), 150);
}
