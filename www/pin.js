/** The pin at the launch: dragged by a pointer, moved by arrow keys. */

import { element } from "./dom.js";

const STEP = 8; // px a key press moves it; ten times that with Shift
const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

/** Return the pin on `map`; see mapping.js for what `moved` is told. */
export function pin(maplibre, map, { moved, centre }) {
  const button = element("button", { type: "button", class: "pin" });
  const marker = new maplibre.Marker({ element: button, draggable: true, anchor: "center" });
  marker.setLngLat([centre.lon, centre.lat]).addTo(map);
  button.setAttribute("aria-label", "Launch: arrow keys move it, with Shift farther"); // a marker names itself

  const place = () => {
    const { lat, lng } = marker.getLngLat();
    return { lat, lon: lng };
  };
  marker.on("drag", () => moved(place(), false));
  marker.on("dragend", () => moved(place(), true));
  button.addEventListener("click", (event) => event.stopPropagation());
  button.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const from = map.project(marker.getLngLat());
    const step = event.shiftKey ? 10 * STEP : STEP;
    const { lat, lng } = map.unproject([from.x + step * move[0], from.y + step * move[1]]);
    moved({ lat, lon: lng }, false);
  });
  button.addEventListener("keyup", (event) => {
    if (event.key in MOVES) moved(place(), true);
  });

  return {
    put({ lat, lon }) {
      marker.setLngLat([lon, lat]);
    },
  };
}
