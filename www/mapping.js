/**
 * The map as the page sees it, whoever draws it.
 *
 * Places are {lat, lon} in degrees; longitudes of layers may lie beyond 180, so that no line is broken.
 *
 * @typedef {{lat: number, lon: number}} Place
 *
 * @typedef {object} Options
 * @property {boolean} dark
 * @property {Place} centre where to look first
 * @property {{key: string, map_id: string}|null} google
 * @property {boolean} online whether OpenStreetMap may be asked for tiles
 * @property {(place: Place) => void} clicked somebody chose a place
 * @property {(place: Place, done: boolean) => void} moved the pin is dragged or moved by keys; `done` when let go
 * @property {(sentence: string) => void} notice something that people should know
 * @property {(map: MapView|null) => void} replaced another map has taken the place of one that failed while in use
 *
 * Layers, in the order in which they lie: `areas` (polygons {level, name}), `paths` (lines {member, phase, control}),
 * `landings` (points {label, nominal}), `launches` (points {label, chosen}), `balloons` (points {phase, control}).
 *
 * @typedef {object} MapView
 * @property {(place: Place) => void} setLaunch put the pin there
 * @property {(place: Place) => void} show look at that place
 * @property {(name: string, shapes: object) => void} setLayer draw a GeoJSON collection in place of the former
 * @property {(density: {bounds: object, image: string}|null) => void} setHeat draw the heat map; bounds are south,
 *   west, north, east
 * @property {(name: string, visible: boolean) => void} setVisible show or hide a layer, or "heat"
 * @property {(bounds: {south: number, west: number, north: number, east: number}) => void} fit look at all of that
 * @property {(dark: boolean) => void} setDark
 * @property {() => Promise<void>} drawn ends when all that was set is on the screen
 * @property {() => Promise<object|null>} draw have people draw a GeoJSON polygon; null if they stop
 * @property {() => void} clearDrawing remove the polygon
 * @property {string[]} extras what it can do beyond this: "tilt", "online"
 * @property {(on: boolean) => void} [setTilt] look from the side, with paths at their altitude
 * @property {(on: boolean) => void} [setOnline] lay OpenStreetMap over the built-in map
 * @property {() => void} destroy
 */

/**
 * Return the map in `element`, or null if none can be drawn here.
 *
 * Google Maps where a key is configured, and the built-in map where that fails or there is none.
 *
 * @param {HTMLElement} element
 * @param {Options} options
 * @returns {Promise<MapView|null>}
 */
export async function openMap(element, options) {
  if (options.google) {
    const instead = (error) => {
      options.notice(`Google Maps cannot be used (${error.message}); this is the built-in map.`);
      element.replaceChildren();
      return openBuiltIn(element, options);
    };
    try {
      const { openGoogle } = await import("./mapgoogle.js");
      return await openGoogle(element, { ...options, failed: async (error) => options.replaced(await instead(error)) });
    } catch (error) {
      return instead(error);
    }
  }
  return openBuiltIn(element, options);
}

async function openBuiltIn(element, options) {
  try {
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error("this browser has no WebGL");
    const { openMapLibre } = await import("./maplibre.js");
    return await openMapLibre(element, options);
  } catch (error) {
    options.notice(`There is no map here (${error.message}). Everything but the map works: places by name or coordinates.`);
    return null;
  }
}
