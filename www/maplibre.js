/** The built-in map: MapLibre GL over tiles of this server; see mapping.js for what it does. */

import * as maplibre from "./vendor/maplibre-gl-6.17.0/dist/maplibre-gl.mjs";
import { element as make } from "./dom.js";
import { LAYERS, style } from "./mapstyle.js";
import { ribbons } from "./ribbons.js";
import { drawing, inTime, pinButton } from "./surface.js";

const HEAT_BEFORE = "area-fill"; // the layer that the heat map lies under
const ANSWER = ["paths", "landings", "areas"]; // the sources that an answer is drawn from
const RIBBON = 350; // m, a path's width from the side
const LOAD = 20000; // ms until the map counts as broken
const OSM = "https://tile.openstreetmap.org/{z}/{x}/{y}.png";

/** Return the map in `element`; raises an error that says why there is none. */
export async function openMapLibre(element, options) {
  await styled();
  const map = new maplibre.Map({
    container: element,
    style: style(options.dark, location.origin),
    center: [options.centre.lon, options.centre.lat],
    zoom: 7,
    maxZoom: 15,
    attributionControl: { compact: false },
    fadeDuration: 0,
    hash: false,
    pitchWithRotate: true,
  });
  map.addControl(new maplibre.NavigationControl({ visualizePitch: true }), "top-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
  map.getCanvas().setAttribute("aria-label", "Map: arrow keys move it, plus and minus zoom");
  await inTime(map.once("load"), LOAD, "it does not load");

  const shapes = new Map(); // what each layer shows, to be drawn again in another style
  const hidden = new Set();
  let heat = null;
  let online = false;
  let tilted = false;
  const surface = surfaceOf(map);
  const draws = drawing(surface, (found) => setLayer("drawing", found));
  const marker = pin(map, surface, options);

  function setLayer(name, found) {
    shapes.set(name, found);
    element.dataset[name] = String(found.features.length); // for those who cannot see the map
    map.getSource(name)?.setData(found);
    if (name === "paths" && tilted) map.getSource("ribbons").setData(ribbons(found, RIBBON));
  }

  function tilt(on) {
    tilted = on;
    const paths = shapes.get("paths") ?? { features: [] };
    map.getSource("ribbons").setData(on ? ribbons(paths, RIBBON) : { type: "FeatureCollection", features: [] });
  }

  function show(name) {
    const visibility = hidden.has(name) ? "none" : "visible";
    for (const id of LAYERS[name]) if (map.getLayer(id)) map.setLayoutProperty(id, "visibility", visibility);
  }

  function drawHeat() {
    if (map.getLayer("heat")) map.removeLayer("heat");
    if (map.getSource("heat")) map.removeSource("heat");
    element.dataset.heat = String(Number(heat !== null));
    if (heat === null) return;
    const { south, west, north, east } = heat.bounds;
    const coordinates = [[west, north], [east, north], [east, south], [west, south]];
    map.addSource("heat", { type: "image", url: heat.image, coordinates });
    map.addLayer({ id: "heat", type: "raster", source: "heat", paint: { "raster-opacity": 0.75, "raster-fade-duration": 0 } }, HEAT_BEFORE);
    show("heat");
  }

  function drawOnline() {
    if (map.getLayer("online")) map.removeLayer("online");
    if (map.getSource("online")) map.removeSource("online");
    if (!online) return;
    const attribution = '© <a href="https://www.openstreetmap.org/copyright">OpenStreetMap</a>';
    map.addSource("online", { type: "raster", tiles: [OSM], tileSize: 256, maxzoom: 19, attribution });
    map.addLayer({ id: "online", type: "raster", source: "online" }, HEAT_BEFORE);
  }

  map.on("click", ({ lngLat }) => {
    if (!draws.takes({ lat: lngLat.lat, lon: lngLat.lng })) options.clicked({ lat: lngLat.lat, lon: lngLat.lng });
  });

  return {
    extras: options.online ? ["tilt", "online"] : ["tilt"],
    setLaunch: ({ lat, lon }) => marker.setLngLat([lon, lat]),
    show: ({ lat, lon }) => map.jumpTo({ center: [lon, lat] }),
    setLayer,
    setHeat(found) {
      heat = found;
      drawHeat();
    },
    setVisible(name, visible) {
      if (visible) hidden.delete(name);
      else hidden.add(name);
      show(name);
    },
    fit({ south, west, north, east }) {
      const box = element.getBoundingClientRect();
      const padding = { top: 40, bottom: box.height > 500 ? 110 : 90, left: box.width > 600 ? 230 : 30, right: 60 };
      map.fitBounds([[west, south], [east, north]], { padding, maxZoom: 12, animate: false });
    },
    setDark(dark) {
      map.setStyle(style(dark, location.origin), { diff: true });
      for (const [name, found] of shapes) map.getSource(name)?.setData(found);
      tilt(tilted);
      drawHeat();
      drawOnline();
      for (const name of hidden) show(name);
    },
    drawn: () =>
      new Promise((resolve) => {
        const look = () => {
          if (!ANSWER.every((name) => map.isSourceLoaded(name))) return;
          map.off("render", look);
          resolve();
        };
        map.on("render", look);
        map.triggerRepaint();
      }),
    draw: draws.start,
    clearDrawing: draws.clear,
    setTilt(on) {
      tilt(on);
      map.jumpTo({ pitch: on ? 62 : 0, bearing: on ? -18 : 0 });
    },
    setOnline(on) {
      online = on;
      drawOnline();
    },
    destroy: () => map.remove(),
  };
}

function surfaceOf(map) {
  const place = ({ lat, lng }) => ({ lat, lon: lng });
  return {
    project: ({ lat, lon }) => map.project([lon, lat]),
    unproject: ({ x, y }) => place(map.unproject([x, y])),
    centre: () => place(map.getCenter()),
    element: map.getCanvas(),
    doubleClickZoom: (on) => (on ? map.doubleClickZoom.enable() : map.doubleClickZoom.disable()),
  };
}

/** Return the pin at the launch, a marker that pointers drag and keys move. */
function pin(map, surface, { centre, moved }) {
  const where = () => {
    const { lat, lng } = marker.getLngLat();
    return { lat, lon: lng };
  };
  const button = pinButton(surface, where, moved);
  const name = button.getAttribute("aria-label");
  const marker = new maplibre.Marker({ element: button, draggable: true, anchor: "center" });
  marker.setLngLat([centre.lon, centre.lat]).addTo(map);
  button.setAttribute("aria-label", name); // the marker has put its own there
  marker.on("drag", () => moved(where(), false));
  marker.on("dragend", () => moved(where(), true));
  return marker;
}

/** Return when the map's own style sheet is there. */
function styled() {
  const href = new URL("./vendor/maplibre-gl-6.17.0/dist/maplibre-gl.css", import.meta.url).href;
  return new Promise((resolve, reject) => {
    const nonce = document.querySelector("link[nonce]")?.nonce ?? null;
    const refused = () => reject(new Error("its style sheet does not load"));
    document.head.append(make("link", { rel: "stylesheet", href, nonce, load: resolve, error: refused }));
  });
}
