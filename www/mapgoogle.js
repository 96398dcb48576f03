/** Google Maps, where a key is configured; see mapping.js for what it does.  Current classes only. */

import { drawing, inTime, pinButton } from "./surface.js";

const LOADER = "https://maps.googleapis.com/maps/api/js";
const PATIENCE = 15000; // ms until Google counts as out of reach
const LIGHT = { ascent: "#1769d1", coast: "#d97706", descent: "#c81e1e", area: "#6b21a8", landing: "#5b21b6", nominal: "#1f2937", pale: "#ffffff" };
const DARK = { ascent: "#62a8ff", coast: "#ffb454", descent: "#ff7b72", area: "#c79bf2", landing: "#c4a1ff", nominal: "#f3f4f6", pale: "#10181f" };
const ORDER = ["areas", "paths", "landings", "launches", "drawing", "balloons"];

/**
 * Return the map in `element`; raises an error that says why there is none.
 *
 * @param {HTMLElement} element
 */
export async function openGoogle(element, options) {
  const { key, map_id: mapId } = options.google;
  const why = new Error("the key is refused");
  const refused = new Promise((_, reject) => Object.assign(window, { gm_authFailure: () => reject(why) }));
  const wait = (work) => inTime(Promise.race([work, refused]), PATIENCE, "it does not answer");
  refused.catch(() => {});
  await wait(load(key, mapId));
  const { maps } = window.google;
  await wait(Promise.all([maps.importLibrary("maps"), maps.importLibrary("marker"), maps.importLibrary("core")]));

  let colour = options.dark ? DARK : LIGHT;
  const map = new maps.Map(element, {
    center: point(options.centre),
    zoom: 8,
    mapId: mapId || "DEMO_MAP_ID",
    colorScheme: options.dark ? maps.ColorScheme.DARK : maps.ColorScheme.LIGHT,
    clickableIcons: false,
    fullscreenControl: false,
    streetViewControl: false,
    gestureHandling: "greedy",
  });
  await wait(new Promise((resolve) => maps.event.addListenerOnce(map, "tilesloaded", resolve)));

  const layers = new Map(ORDER.map((name, index) => [name, layer(maps, map, (feature) => look(name, feature, colour, index, maps))]));
  const surface = surfaceOf(maps, map, element);
  const draws = drawing(surface, (found) => setLayer("drawing", found));
  const marker = pin(maps, map, surface, options);
  let heat = null;
  let heated = true;

  function setLayer(name, found) {
    const data = layers.get(name);
    data.forEach((feature) => data.remove(feature));
    data.addGeoJson(found);
    element.dataset[name] = String(found.features.length);
  }

  function clicked({ latLng }) {
    const place = { lat: latLng.lat(), lon: latLng.lng() };
    if (!draws.takes(place)) options.clicked(place);
  }
  map.addListener("click", clicked);

  function destroy() {
    for (const data of layers.values()) data.setMap(null);
    heat?.setMap(null);
    marker.remove();
    maps.event.clearInstanceListeners(map);
    element.replaceChildren();
  }

  const fail = () => {
    destroy();
    options.failed(why);
  };
  Object.assign(window, { gm_authFailure: fail }); // Google may refuse a key after it has drawn a map

  return {
    extras: [],
    setLaunch: (place) => (marker.position = point(place)),
    show: (place) => map.setCenter(point(place)),
    setLayer,
    setHeat(density) {
      heat?.setMap(null);
      heat = density && new maps.GroundOverlay(density.image, density.bounds, { clickable: false, opacity: 0.7 });
      if (heated) heat?.setMap(map);
      element.dataset.heat = String(Number(heat !== null));
    },
    setVisible(name, visible) {
      if (name !== "heat") return layers.get(name).setMap(visible ? map : null);
      heated = visible;
      return heat?.setMap(visible ? map : null);
    },
    fit: (bounds) => map.fitBounds(bounds, { top: 40, bottom: 110, left: element.clientWidth > 600 ? 230 : 30, right: 60 }),
    setDark(dark) {
      colour = dark ? DARK : LIGHT; // a map keeps the colours that it was made with
      for (const [index, name] of ORDER.entries()) layers.get(name).setStyle((feature) => look(name, feature, colour, index, maps));
    },
    drawn: async () => {},
    draw: draws.start,
    clearDrawing: draws.clear,
    destroy,
  };
}

const point = ({ lat, lon }) => ({ lat, lng: lon });

/**
 * Load Google's script; raises if it cannot be had.
 *
 * @param {string} key
 * @param {string} mapId
 */
function load(key, mapId) {
  return new Promise((resolve, reject) => {
    Object.assign(window, { habsimGoogle: resolve });
    const query = new URLSearchParams({ key, v: "quarterly", loading: "async", callback: "habsimGoogle", auth_referrer_policy: "origin" });
    if (mapId) query.set("map_ids", mapId);
    const script = document.createElement("script");
    script.src = `${LOADER}?${query}`;
    const trusted = /** @type {HTMLScriptElement|null} */ (document.querySelector("script[nonce]"));
    script.nonce = trusted?.nonce ?? "";
    script.addEventListener("error", () => reject(new Error("its script cannot be loaded")));
    document.head.append(script);
  });
}

/**
 * Return a layer of its own, so that layers lie in order and hide alone; clicks go through to the map.
 *
 * @param {typeof google.maps} maps
 * @param {google.maps.Map} map
 * @param {google.maps.Data.StylingFunction} style
 */
function layer(maps, map, style) {
  const data = new maps.Data({ map });
  data.setStyle(style);
  return data;
}

/**
 * Return how a feature of a layer looks.
 *
 * @param {string} name
 * @param {google.maps.Data.Feature} feature
 * @param {Record<string, string>} colour
 * @param {number} order
 * @param {typeof google.maps} maps
 * @returns {google.maps.Data.StyleOptions}
 */
function look(name, feature, colour, order, maps) {
  const get = (property) => /** @type {any} */ (feature.getProperty(property));
  const base = { clickable: false, zIndex: 10 * order + Number(Boolean(get("control") || get("nominal") || get("chosen"))) };
  const dot = (fillColor, scale, strokeWeight) => ({
    ...base,
    icon: { path: maps.SymbolPath.CIRCLE, scale, fillColor, fillOpacity: 1, strokeColor: colour.pale, strokeWeight },
  });
  const phase = colour[get("phase")] ?? colour.descent;
  if (name === "areas") {
    const outer = get("level") > 0.7;
    return { ...base, fillColor: colour.area, fillOpacity: outer ? 0.12 : 0.22, strokeColor: colour.area, strokeWeight: outer ? 1.5 : 3 };
  }
  if (name === "paths") {
    const bold = get("control");
    return { ...base, strokeColor: phase, strokeWeight: bold ? 4 : 1.5, strokeOpacity: bold ? 1 : 0.45 };
  }
  if (name === "landings") return get("nominal") ? dot(colour.nominal, 4, 1) : dot(colour.landing, 2, 0);
  if (name === "launches") return { ...dot(colour.area, get("chosen") ? 7 : 5, 2), label: { text: get("label"), className: "launch-label" } };
  if (name === "balloons") return dot(phase, get("control") ? 7 : 4, get("control") ? 2 : 1);
  return { ...dot(colour.pale, 5, 2), fillColor: colour.coast, fillOpacity: 0.15, strokeColor: colour.coast, strokeWeight: 2.5 };
}

/**
 * Return the map's plane in pixels of the present zoom.
 *
 * @param {typeof google.maps} maps
 * @param {google.maps.Map} map
 * @param {HTMLElement} element
 */
function surfaceOf(maps, map, element) {
  const scale = () => 2 ** map.getZoom();
  return {
    project(place) {
      const { x, y } = map.getProjection().fromLatLngToPoint(new maps.LatLng(point(place)));
      return { x: x * scale(), y: y * scale() };
    },
    unproject({ x, y }) {
      const found = map.getProjection().fromPointToLatLng(new maps.Point(x / scale(), y / scale()));
      return { lat: found.lat(), lon: found.lng() };
    },
    centre: () => ({ lat: map.getCenter().lat(), lon: map.getCenter().lng() }),
    element,
    doubleClickZoom: (on) => map.setOptions({ disableDoubleClickZoom: !on }),
  };
}

/**
 * Return the pin at the launch, a marker that pointers drag and keys move.
 *
 * @param {typeof google.maps} maps
 * @param {google.maps.Map} map
 */
function pin(maps, map, surface, { centre, moved }) {
  const where = () => {
    const { lat, lng } = new maps.LatLng(marker.position).toJSON();
    return { lat, lon: lng };
  };
  const marker = new maps.marker.AdvancedMarkerElement({ map, position: point(centre), gmpDraggable: true, anchorTop: "-50%", zIndex: 1000 });
  marker.append(pinButton(surface, where, moved));
  marker.addEventListener("gmp-drag", () => moved(where(), false));
  marker.addEventListener("gmp-dragend", () => moved(where(), true));
  return marker;
}
