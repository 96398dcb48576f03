/**
 * What pins and drawings need of a map, whoever draws it.
 *
 * @typedef {object} Surface
 * @property {(place: {lat: number, lon: number}) => {x: number, y: number}} project to pixels from some fixed point
 * @property {(pixel: {x: number, y: number}) => {lat: number, lon: number}} unproject
 * @property {() => {lat: number, lon: number}} centre what the map looks at
 * @property {HTMLElement} element what has the focus while people draw
 * @property {(on: boolean) => void} doubleClickZoom whether a double click zooms
 */

import { element } from "./dom.js";

const STEP = 8; // px a key press moves a pin; ten times that with Shift
const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const NEAR = 14; // px from the first corner that close an area
const NAME = "Launch: arrow keys move it, with Shift farther";

/** Return what `work` gives; raises `why` after `ms` of being seen without it, since hidden pages draw nothing. */
export async function inTime(work, ms, why) {
  const watch = new AbortController();
  let timer = 0;
  const late = new Promise((_, reject) => {
    const begin = () => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(() => reject(new Error(why)), ms);
    };
    document.addEventListener("visibilitychange", begin, { signal: watch.signal });
    begin();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    watch.abort();
  }
}

/** Return the button of a pin; `where` gives its place, `moved` is told of new ones as mapping.js says. */
export function pinButton(surface, where, moved) {
  const button = element("button", { type: "button", class: "pin", "aria-label": NAME });
  button.addEventListener("click", (event) => event.stopPropagation());
  button.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const { x, y } = surface.project(where());
    const step = event.shiftKey ? 10 * STEP : STEP;
    moved(surface.unproject({ x: x + step * move[0], y: y + step * move[1] }), false);
  });
  button.addEventListener("keyup", (event) => {
    if (event.key in MOVES) moved(where(), true);
  });
  return button;
}

/** Return what draws areas, corners by clicks or the space bar; `show` is given the shapes, a GeoJSON collection. */
export function drawing(surface, show) {
  let corners = null; // [[lon, lat], ...] while somebody draws
  let finish = null;

  const collection = (...features) => ({ type: "FeatureCollection", features });
  const feature = (type, coordinates) => ({ type: "Feature", properties: {}, geometry: { type, coordinates } });
  const pixel = ([lon, lat]) => surface.project({ lat, lon });

  function end(area) {
    corners = null;
    surface.element.classList.remove("drawing");
    document.removeEventListener("keydown", keys, true);
    surface.doubleClickZoom(true);
    show(area ? collection(area) : collection());
    finish(area?.geometry ?? null);
  }

  const close = () => end(feature("Polygon", [[...corners, corners[0]]]));

  function add({ lat, lon }) {
    corners.push([lon, lat]);
    const line = corners.length > 1 ? [feature("LineString", corners)] : [];
    show(collection(...line, ...corners.map((corner) => feature("Point", corner))));
  }

  function keys(event) {
    if (event.key === "Escape") end(null);
    else if (event.key === "Enter" && corners.length >= 3) {
      event.preventDefault();
      close();
    } else if (event.key === " " && surface.element.contains(event.target) && !event.target.closest("a, button")) {
      event.preventDefault();
      add(surface.centre());
    }
  }

  return {
    /** Begin; the promise gives a GeoJSON polygon, or null if somebody stops. */
    start() {
      if (corners) end(null);
      corners = [];
      surface.element.classList.add("drawing");
      surface.doubleClickZoom(false);
      document.addEventListener("keydown", keys, true);
      surface.element.focus();
      return new Promise((resolve) => (finish = resolve));
    },
    /** Return whether a click at that place was a corner. */
    takes({ lat, lon }) {
      if (!corners) return false;
      if (corners.length >= 3) {
        const [first, here] = [pixel(corners[0]), pixel([lon, lat])];
        if (Math.hypot(first.x - here.x, first.y - here.y) < NEAR) {
          close();
          return true;
        }
      }
      add({ lat, lon });
      return true;
    },
    clear: () => show(collection()),
  };
}
