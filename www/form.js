/** The form: shows the state in the chosen units and zone, and says what people change. */

import { byId, element } from "./dom.js";
import { decimal } from "./earth.js";
import { house, typed, unitName } from "./units.js";
import { deviceZone, offsetName, unixOf, wall } from "./zones.js";

/** Per field of a number, its quantity, or null where the unit never changes. */
const NUMBERS = {
  alt: "altitude", equil: "altitude", asc: "rate", desc: "rate",
  eqtime: null, coeff: null, num_perturbations: null, interval: null, launches: null,
};
const DESCENTS = {
  drag: "Given at sea level; in thin air higher up it falls faster, as a parachute does.",
  constant: "The same at every height.",
};

/** Return a number as people type it, with a comma or a point; NaN if it is none. */
function number(text) {
  const plain = text.replace(/[\s\u202f]/g, "").replace(/^(-?\d+),(\d+)$/, "$1.$2").replace(/^−/, "-");
  return plain === "" ? NaN : Number(plain);
}

/** Return the zone that `state` shows times in, an IANA name; `site` is that of the launch site. */
export const zoneOf = (state, site) => ({ site, device: deviceZone(), utc: "UTC" })[state.zone];

/** Return a limit in the words of the chosen units. */
export const limitWriter = (system, parameters) => (name, value) => {
  const quantity = NUMBERS[name];
  if (quantity) return `${typed(value, quantity, system)} ${unitName(quantity, system)}`;
  const unit = parameters[name]?.unit ?? "";
  return unit === "hours" ? `${value} h` : String(value);
};

/**
 * Wire the form; `changed` is called with what people change, {name: value}, and whether they have done (left the
 * field, or chose); `run` with the kind of run they ask for.
 */
export function wireForm(changed, run) {
  const form = byId("form");
  let system = "metric";
  let zone = "UTC";

  for (const [name, quantity] of Object.entries(NUMBERS)) {
    const read = (done) => {
      const text = byId(name).value;
      if (name === "alt" && text.trim() === "") return changed({ alt: null }, done);
      const value = number(text);
      return changed({ [name]: quantity ? house(value, quantity, system) : value }, done);
    };
    byId(name).addEventListener("input", () => read(false));
    byId(name).addEventListener("change", () => read(true));
  }
  for (const name of ["date", "time"]) {
    byId(name).addEventListener("change", () => changed({ timestamp: unixOf(byId("date").value, byId("time").value, zone) ?? NaN }, true));
  }
  for (const name of ["zone", "descent_model"]) byId(name).addEventListener("change", () => changed({ [name]: byId(name).value }, true));
  byId("model").addEventListener("change", () => changed({ model: Number(byId("model").value) }, true));
  byId("use-ground").addEventListener("click", () => changed({ alt: null }, true));
  for (const kind of ["single", "ensemble", "multi"]) byId(`run-${kind}`).addEventListener("click", () => run(kind));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("keydown", (event) => {
    const field = event.target.matches("input:not(#place, #preset-name)");
    if (event.key === "Enter" && field) {
      event.preventDefault();
      run(null);
    }
  });

  /** Show `state`; the field in which somebody types is left alone. */
  function show(state, siteZone) {
    system = state.units;
    zone = zoneOf(state, siteZone);
    byId("units").textContent = system === "metric" ? "Imperial" : "Metric";
    for (const unit of form.querySelectorAll("[data-quantity]")) unit.textContent = unitName(unit.dataset.quantity, system);
    for (const [name, quantity] of Object.entries(NUMBERS)) {
      const value = state[name];
      if (Number.isNaN(value)) continue;
      set(name, value === null ? "" : quantity ? typed(value, quantity, system) : String(value));
    }
    if (Number.isFinite(state.timestamp)) {
      const { date, time } = wall(state.timestamp, zone);
      set("date", date);
      set("time", time);
      const names = { site: ["Launch site", siteZone], device: ["This device", deviceZone()], utc: ["UTC", "UTC"] };
      for (const option of byId("zone").options) {
        const [name, of] = names[option.value];
        const distance = offsetName(state.timestamp, of);
        option.textContent = name === distance ? name : `${name} (${distance})`;
      }
    }
    set("zone", state.zone);
    set("descent_model", state.descent_model);
    set("model", String(state.model));
    set("place", decimal(state));
    byId("descent-hint").textContent = DESCENTS[state.descent_model];
    for (const kind of ["single", "ensemble", "multi"]) {
      const chosen = kind === state.run;
      byId(`run-${kind}`).classList.toggle("chosen", chosen);
    }
  }

  return { show };
}

function set(name, value) {
  const field = byId(name);
  if (field !== document.activeElement || field.type === "select-one") field.value = value;
}

/** Offer the members of the forecast. */
export function offerMembers(count) {
  byId("model").replaceChildren(
    ...Array.from({ length: count }, (_, member) => element("option", { value: member }, member ? String(member) : "0 (control)")),
  );
}

const HOLDERS = { timestamp: "date", lat: "place", lon: "place" };

/** Mark the fields that are wrong, {name: sentence}, and none else; move the focus to the first if `focus`. */
export function markProblems(found, focus) {
  for (const old of byId("form").querySelectorAll(".error")) old.remove();
  for (const field of byId("form").querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", field.dataset.described ?? "");
  }
  let first = null;
  for (const [name, sentence] of Object.entries(found)) {
    const field = byId(HOLDERS[name] ?? name);
    const id = `${field.id}-error`;
    if (byId(id)) continue;
    field.dataset.described ??= field.getAttribute("aria-describedby") ?? "";
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", `${id} ${field.dataset.described}`.trim());
    field.closest(".field, .option").append(element("p", { class: "error", id, role: "alert" }, sentence));
    first ??= field;
  }
  if (focus && first) {
    first.closest("details")?.setAttribute("open", "");
    first.focus();
  }
}
