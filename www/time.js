/** The flight-time slider: moves along every path, and says where the first flight is then. */

import { byId } from "./dom.js";
import { at } from "./flown.js";
import { duration, measure } from "./units.js";
import { clock, offsetName } from "./zones.js";

const SPEED = 900; // flight seconds a second of play
const LEAP = 10; // steps of the slider for a page key

/** Wire the slider; `moved` is called with the instant and [{lat, lon, alt, phase}] of every flight. */
export function wireTime(moved) {
  const slider = byId("slider");
  const play = byId("play");
  let flights = [];
  let shown = { zone: "UTC", system: "metric" };
  let start = 0;
  let last = 0;
  let frame = 0;

  function tell() {
    const seconds = Number(slider.value);
    const time = start + seconds;
    const places = flights.map((flight) => at(flight, time));
    const { alt, phase } = places[0];
    const text =
      `T+${duration(seconds)} · ${clock(time, shown.zone)} (${offsetName(time, shown.zone)}) · ` +
      `${measure(alt, "altitude", shown.system)} · ${phase}`;
    byId("slider-text").textContent = text;
    slider.setAttribute("aria-valuetext", text);
    moved(time, places);
  }

  function step(now) {
    const length = Number(slider.max);
    const next = Number(slider.value) + ((now - last) / 1000) * SPEED;
    last = now;
    slider.value = String(next);
    tell();
    if (next >= length) stop();
    else frame = requestAnimationFrame(step);
  }

  function stop() {
    cancelAnimationFrame(frame);
    slider.step = "60";
    play.setAttribute("aria-pressed", "false");
  }

  slider.addEventListener("input", tell);
  slider.addEventListener("keydown", (event) => {
    const leap = { PageUp: LEAP, PageDown: -LEAP }[event.key];
    if (!leap) return;
    event.preventDefault();
    slider.value = String(Number(slider.value) + leap * Number(slider.step));
    tell();
  });
  play.addEventListener("click", () => {
    if (play.getAttribute("aria-pressed") === "true") return stop();
    play.setAttribute("aria-pressed", "true");
    slider.step = "any"; // smooth while it plays; keys move a minute again afterwards
    if (Number(slider.value) >= Number(slider.max)) slider.value = "0";
    last = performance.now();
    frame = requestAnimationFrame(step);
    return undefined;
  });

  /** Show `found` flights; the slider stays at its share of the flight. */
  function show(found, zone, system) {
    const share = Number(slider.max) > 0 ? Number(slider.value) / Number(slider.max) : 0;
    flights = found;
    shown = { zone, system };
    start = flights[0].points[0][3];
    const end = Math.max(...flights.map(({ points }) => points.at(-1)[3]));
    slider.max = String(Math.max(Math.ceil((end - start) / 60) * 60, 60));
    slider.value = String(share * Number(slider.max));
    byId("flight-time").hidden = false;
    tell();
  }

  function hide() {
    stop();
    byId("flight-time").hidden = true;
  }

  return { show, hide };
}
