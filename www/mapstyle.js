/** How the built-in map looks, light and dark: Natural Earth's land and lakes, GeoNames' towns. */

const LIGHT = {
  water: "#cfe3f0", land: "#f5f2eb", border: "#a39c90", state: "#c9c3b8", county: "#e2ddd3",
  town: "#3b4754", halo: "#ffffff",
  ascent: "#1769d1", coast: "#d97706", descent: "#c81e1e", area: "#6b21a8", pale: "#ffffff", landing: "#5b21b6", nominal: "#1f2937",
};
const DARK = {
  water: "#0c151d", land: "#1d2832", border: "#5d6b78", state: "#3a4753", county: "#28343f",
  town: "#b9c6d2", halo: "#141c24",
  ascent: "#62a8ff", coast: "#ffb454", descent: "#ff7b72", area: "#c79bf2", pale: "#10181f", landing: "#c4a1ff", nominal: "#f3f4f6",
};

const FONT = ["Noto Sans Regular"];
const empty = { type: "FeatureCollection", features: [] };
const of = (name, fallback, cases) => ["case", ...cases.flatMap(([value, result]) => [["==", ["get", name], value], result]), fallback];

/** The page's layers and which of the style's draw them. */
export const LAYERS = {
  areas: ["area-fill", "area-line", "area-name"],
  paths: ["path-thin", "path-casing", "path-bold", "ribbon"],
  landings: ["landing-varied", "landing-nominal"],
  launches: ["launch-point", "launch-name"],
  balloons: ["balloon"],
  heat: ["heat"],
};

/** Return the style; `origin` is the server's address, which tiles need in full. */
export function style(dark, origin) {
  const colour = dark ? DARK : LIGHT;
  const phase = of("phase", colour.descent, [["ascent", colour.ascent], ["coast", colour.coast]]);
  const tiles = (name, maxzoom, attribution) => ({
    type: "vector", tiles: [`${origin}/tiles/${name}/{z}/{x}/{y}.pbf`], maxzoom, attribution,
  });
  const source = (data = empty) => ({ type: "geojson", data });
  const base = (id, type, layer, paint, minzoom = 0) => ({ id, type, source: "base", "source-layer": layer, paint, minzoom });
  return {
    version: 8,
    sources: {
      base: tiles("base", 6, '<a href="https://www.naturalearthdata.com/">Natural Earth</a>'),
      towns: tiles("places", 7, '<a href="https://www.geonames.org/">GeoNames</a>'),
      areas: source(), paths: source(), landings: source(), launches: source(), balloons: source(), drawing: source(), ribbons: source(),
    },
    layers: [
      { id: "water", type: "background", paint: { "background-color": colour.water } },
      base("land", "fill", "land", { "fill-color": colour.land }),
      base("lake", "fill", "lake", { "fill-color": colour.water }),
      base("county", "line", "county", { "line-color": colour.county }, 6),
      base("state", "line", "state", { "line-color": colour.state, "line-width": 0.8 }, 3),
      base("border", "line", "border", { "line-color": colour.border, "line-width": 1 }),
      {
        id: "area-fill", type: "fill", source: "areas",
        paint: { "fill-color": colour.area, "fill-opacity": ["case", [">", ["get", "level"], 0.7], 0.12, 0.22] },
      },
      {
        id: "town", type: "symbol", source: "towns", "source-layer": "place",
        layout: {
          "text-field": ["get", "n"], "text-font": FONT, "text-padding": 6,
          "text-size": ["interpolate", ["linear"], ["log10", ["max", ["get", "p"], 1]], 3.7, 11.5, 6.5, 15],
          "symbol-sort-key": ["-", 0, ["get", "p"]],
        },
        paint: { "text-color": colour.town, "text-halo-color": colour.halo, "text-halo-width": 1.4 },
      },
      {
        id: "path-thin", type: "line", source: "paths", filter: ["!", ["get", "control"]],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": phase, "line-width": 1.3, "line-opacity": 0.42 },
      },
      {
        id: "area-line", type: "line", source: "areas",
        paint: { "line-color": colour.area, "line-width": 1.8, "line-dasharray": [3, 1.6] },
      },
      {
        id: "path-casing", type: "line", source: "paths", filter: ["get", "control"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": colour.pale, "line-width": 6, "line-opacity": 0.8 },
      },
      {
        id: "path-bold", type: "line", source: "paths", filter: ["get", "control"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": phase, "line-width": 3.4 },
      },
      {
        id: "landing-varied", type: "circle", source: "landings", filter: ["!", ["get", "nominal"]],
        paint: { "circle-color": colour.landing, "circle-radius": ["interpolate", ["linear"], ["zoom"], 5, 1.2, 10, 2.4, 13, 4], "circle-opacity": 0.65 },
      },
      {
        id: "landing-nominal", type: "circle", source: "landings", filter: ["get", "nominal"],
        paint: {
          "circle-color": colour.nominal, "circle-radius": ["interpolate", ["linear"], ["zoom"], 5, 2.4, 10, 4.5, 13, 7],
          "circle-stroke-color": colour.pale, "circle-stroke-width": 1.2,
        },
      },
      {
        id: "area-name", type: "symbol", source: "areas",
        layout: {
          "symbol-placement": "line", "text-field": ["get", "name"], "text-font": FONT, "text-size": 12, "symbol-spacing": 160,
          "text-max-angle": 120, "text-allow-overlap": true, // small rings bend much and lie among landings
        },
        paint: { "text-color": colour.area, "text-halo-color": colour.halo, "text-halo-width": 2 },
      },
      {
        id: "launch-point", type: "circle", source: "launches",
        paint: {
          "circle-color": ["case", ["get", "chosen"], colour.descent, colour.area], "circle-radius": ["case", ["get", "chosen"], 7, 5],
          "circle-stroke-color": colour.pale, "circle-stroke-width": 2,
        },
      },
      {
        id: "launch-name", type: "symbol", source: "launches",
        layout: {
          "text-field": ["get", "label"], "text-font": FONT, "text-size": 12, "text-variable-anchor": ["top", "bottom", "left", "right"],
          "text-radial-offset": 0.8, "text-justify": "auto", "symbol-sort-key": ["case", ["get", "chosen"], 0, 1],
        },
        paint: { "text-color": colour.town, "text-halo-color": colour.halo, "text-halo-width": 2 },
      },
      { id: "drawing-fill", type: "fill", source: "drawing", paint: { "fill-color": colour.coast, "fill-opacity": 0.15 } },
      { id: "drawing-line", type: "line", source: "drawing", paint: { "line-color": colour.coast, "line-width": 2.5 } },
      {
        id: "drawing-point", type: "circle", source: "drawing", filter: ["==", ["geometry-type"], "Point"],
        paint: { "circle-color": colour.pale, "circle-radius": 5, "circle-stroke-color": colour.coast, "circle-stroke-width": 2.5 },
      },
      {
        id: "ribbon", type: "fill-extrusion", source: "ribbons",
        paint: {
          "fill-extrusion-color": phase, "fill-extrusion-base": ["get", "base"], "fill-extrusion-height": ["get", "top"],
          "fill-extrusion-opacity": 0.85, "fill-extrusion-vertical-gradient": false,
        },
      },
      {
        id: "balloon", type: "circle", source: "balloons",
        paint: {
          "circle-color": phase, "circle-radius": ["case", ["get", "control"], 7, 4], "circle-stroke-color": colour.pale,
          "circle-stroke-width": ["case", ["get", "control"], 2.5, 1],
        },
      },
    ],
  };
}
