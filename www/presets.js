/** Launches that people saved, in this browser only. */

import { byId, element } from "./dom.js";

const KEY = "habsim.presets";

/** Return what this browser has saved under `key`, or `fallback`. */
export function saved(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback; // no storage here, or somebody else's text in it
  }
}

/** Save `value` under `key`; return whether it was kept. */
export function save(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Wire the list; `current` gives the address to save, `chosen` is called with a saved one, `say` speaks. */
export function wirePresets(current, chosen, say) {
  const list = byId("presets");
  const name = byId("preset-name");
  const remove = byId("delete-preset");
  const presets = () => saved(KEY, {});

  function show(selected = "") {
    const names = Object.keys(presets()).sort((one, other) => one.localeCompare(other));
    const none = element("option", { value: "" }, names.length ? "Choose…" : "None yet");
    list.replaceChildren(none, ...names.map((text) => element("option", { value: text }, text)));
    list.value = selected;
    remove.disabled = selected === "";
  }

  list.addEventListener("change", () => {
    remove.disabled = list.value === "";
    if (list.value) chosen(presets()[list.value]);
  });
  byId("save-preset").addEventListener("click", () => {
    const text = name.value.trim();
    if (!text) return name.focus();
    const kept = save(KEY, { ...presets(), [text]: current() });
    say(kept ? `Saved as ${text}.` : "This browser keeps nothing: use Copy link instead.");
    name.value = "";
    return show(kept ? text : "");
  });
  remove.addEventListener("click", () => {
    const { [list.value]: _, ...rest } = presets();
    save(KEY, rest);
    say("Deleted.");
    show();
  });
  show();
}
