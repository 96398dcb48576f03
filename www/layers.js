/** The menu of what the map shows. */

import { byId, element } from "./dom.js";

const NAMES = { paths: "Paths", landings: "Landings", areas: "50 % and 90 % areas", heat: "Heat map" };
const EXTRAS = {
  tilt: ["View from the side", (map, on) => map.setTilt(on)],
  online: ["OpenStreetMap (online)", (map, on) => map.setOnline(on)],
};

/** Offer the layers of `map`. */
export function offerLayers(map) {
  const choice = (text, checked, act) => {
    const box = element("input", { type: "checkbox", checked });
    box.addEventListener("change", () => act(box.checked));
    return element("label", {}, box, text);
  };
  const layers = Object.entries(NAMES).map(([name, text]) => choice(text, true, (on) => map.setVisible(name, on)));
  const extras = map.extras.map((name) => choice(EXTRAS[name][0], false, (on) => EXTRAS[name][1](map, on)));
  byId("layer-choices").replaceChildren(...layers, ...extras);
}
