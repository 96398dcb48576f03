// A stand-in for Google's script, as much of it as www/mapgoogle.js uses, drawn as SVG.
// Classes that Google has removed throw, options that it does not know throw, and `google.asked` keeps what was asked.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const asked = { script: document.currentScript.src, libraries: [], maps: [] };

  class Events extends EventTarget {
    addListener(name, act) {
      const listener = ({ detail }) => act(detail);
      this.addEventListener(name, listener);
      return { remove: () => this.removeEventListener(name, listener) };
    }
    fire(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail }));
    }
  }

  class LatLng {
    constructor(place) {
      const of = (value) => (typeof value === "function" ? value.call(place) : value);
      [this._lat, this._lng] = [of(place.lat), of(place.lng)];
      if (!Number.isFinite(this._lat) || !Number.isFinite(this._lng)) throw new Error("LatLng: not a number");
    }
    lat() { return this._lat; }
    lng() { return this._lng; }
    toJSON() { return { lat: this._lat, lng: this._lng }; }
  }

  class Point {
    constructor(x, y) { Object.assign(this, { x, y }); }
  }

  const projection = {
    fromLatLngToPoint(place) {
      const sine = Math.sin((place.lat() * Math.PI) / 180);
      return new Point(128 + (place.lng() * 256) / 360, 128 - (Math.log((1 + sine) / (1 - sine)) * 64) / Math.PI);
    },
    fromPointToLatLng({ x, y }) {
      const lat = (Math.atan(Math.sinh(((128 - y) * Math.PI) / 128)) * 180) / Math.PI;
      return new LatLng({ lat, lng: ((x - 128) * 360) / 256 });
    },
  };

  const MAP_OPTIONS = ["center", "zoom", "mapId", "colorScheme", "clickableIcons", "fullscreenControl", "streetViewControl", "gestureHandling", "disableDoubleClickZoom"];

  function known(options, names, what) {
    for (const name of Object.keys(options)) if (!names.includes(name)) throw new Error(`${what} has no option ${name}`);
  }

  class GoogleMap extends Events {
    constructor(element, options) {
      super();
      known(options, MAP_OPTIONS, "Map");
      if (!options.mapId) throw new Error("advanced markers need a mapId");
      this.element = element;
      this.options = options;
      this.centre = new LatLng(options.center);
      this.zoom = options.zoom;
      this.layers = new Set();
      this.svg = document.createElementNS(SVG, "svg");
      this.svg.setAttribute("class", "google-fake");
      this.svg.setAttribute("width", "100%");
      this.svg.setAttribute("height", "100%");
      element.append(this.svg);
      element.addEventListener("click", (event) => {
        if (event.target.closest("gmp-advanced-marker")) return;
        const box = element.getBoundingClientRect();
        this.fire("click", { latLng: this.under(event.clientX - box.left, event.clientY - box.top) });
      });
      asked.maps.push(this);
      setTimeout(() => this.fire("tilesloaded"), 30);
    }
    getProjection() { return projection; }
    getZoom() { return this.zoom; }
    getCenter() { return this.centre; }
    setCenter(place) { this.centre = new LatLng(place); this.draw(); }
    setOptions(options) { known(options, MAP_OPTIONS, "Map"); Object.assign(this.options, options); }
    fitBounds({ south, west, north, east }, { top, right, bottom, left }) {
      const { clientWidth: width, clientHeight: height } = this.element;
      const [a, b] = [{ lat: north, lng: west }, { lat: south, lng: east }].map((place) => projection.fromLatLngToPoint(new LatLng(place)));
      const size = Math.min((width - left - right) / (b.x - a.x), (height - top - bottom) / (b.y - a.y));
      this.zoom = Math.min(Math.log2(size), 12);
      const scale = 2 ** this.zoom;
      const middle = { x: (a.x + b.x) / 2 + (right - left) / 2 / scale, y: (a.y + b.y) / 2 + (bottom - top) / 2 / scale };
      this.centre = projection.fromPointToLatLng(middle);
      this.draw();
    }
    pixel(place) {
      const [p, c] = [projection.fromLatLngToPoint(place), projection.fromLatLngToPoint(this.centre)];
      const scale = 2 ** this.zoom;
      return [(p.x - c.x) * scale + this.element.clientWidth / 2, (p.y - c.y) * scale + this.element.clientHeight / 2];
    }
    under(x, y) {
      const c = projection.fromLatLngToPoint(this.centre);
      const scale = 2 ** this.zoom;
      return projection.fromPointToLatLng({ x: c.x + (x - this.element.clientWidth / 2) / scale, y: c.y + (y - this.element.clientHeight / 2) / scale });
    }
    draw() {
      this.svg.replaceChildren();
      const shapes = [...this.layers].flatMap((layer) => layer.shapes(this)).sort((one, other) => one.order - other.order);
      for (const { shape } of shapes) this.svg.append(shape);
      for (const marker of this.element.querySelectorAll("gmp-advanced-marker")) marker.place();
    }
  }

  function svg(name, attributes) {
    const shape = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    return shape;
  }

  const STYLES = ["clickable", "zIndex", "icon", "label", "fillColor", "fillOpacity", "strokeColor", "strokeWeight", "strokeOpacity"];

  class Feature {
    constructor({ geometry, properties }) { Object.assign(this, { geometry, properties }); }
    getProperty(name) { return this.properties[name]; }
    getGeometry() { return this.geometry; }
  }

  class Data extends Events {
    constructor({ map }) {
      super();
      this.features = new Set();
      this.style = () => ({});
      this.setMap(map);
    }
    setMap(map) {
      this.map?.layers.delete(this);
      const drawn = map ?? this.map;
      this.map = map;
      map?.layers.add(this);
      drawn?.draw();
    }
    getMap() { return this.map; }
    setStyle(style) { this.style = style; this.map?.draw(); }
    addGeoJson({ type, features }) {
      if (type !== "FeatureCollection") throw new Error("addGeoJson: not a FeatureCollection");
      for (const feature of features) this.features.add(new Feature(feature));
      this.map?.draw();
    }
    remove(feature) { this.features.delete(feature); }
    forEach(act) { [...this.features].forEach(act); }
    shapes(map) {
      return [...this.features].flatMap((feature) => {
        const style = this.style(feature);
        known(style, STYLES, "Data.StyleOptions");
        const place = ([lng, lat]) => map.pixel(new LatLng({ lat, lng })).map((number) => number.toFixed(1)).join(",");
        const { type, coordinates } = feature.geometry;
        const lines = { stroke: style.strokeColor ?? "none", "stroke-width": style.strokeWeight ?? 1, "stroke-opacity": style.strokeOpacity ?? 1 };
        const fill = { fill: style.fillColor ?? "none", "fill-opacity": style.fillOpacity ?? 1 };
        const order = style.zIndex ?? 0;
        if (type === "LineString") return [{ order, shape: svg("polyline", { points: coordinates.map(place).join(" "), fill: "none", ...lines }) }];
        if (type === "Point") {
          const [cx, cy] = place(coordinates).split(",");
          const { scale, fillColor, strokeColor, strokeWeight } = style.icon;
          return [{ order, shape: svg("circle", { cx, cy, r: scale, fill: fillColor, stroke: strokeColor, "stroke-width": strokeWeight }) }];
        }
        const polygons = type === "Polygon" ? [coordinates] : coordinates;
        return polygons.map(([ring]) => ({ order, shape: svg("polygon", { points: ring.map(place).join(" "), ...fill, ...lines }) }));
      });
    }
  }

  class GroundOverlay extends Events {
    constructor(url, bounds, options) {
      super();
      known(options, ["clickable", "opacity", "map"], "GroundOverlay");
      Object.assign(this, { url, bounds, options });
    }
    setMap(map) {
      this.map?.layers.delete(this);
      const drawn = map ?? this.map;
      this.map = map;
      map?.layers.add(this);
      drawn?.draw();
    }
    shapes(map) {
      const { south, west, north, east } = this.bounds;
      const [[x, y], [x2, y2]] = [{ lat: north, lng: west }, { lat: south, lng: east }].map((place) => map.pixel(new LatLng(place)));
      return [{ order: -1, shape: svg("image", { href: this.url, x, y, width: x2 - x, height: y2 - y, opacity: this.options.opacity, preserveAspectRatio: "none" }) }];
    }
  }

  class AdvancedMarkerElement extends HTMLElement {
    constructor(options) {
      super();
      known(options, ["map", "position", "gmpDraggable", "anchorLeft", "anchorTop", "zIndex"], "AdvancedMarkerElement");
      this._position = options.position;
      this.map = options.map;
      this.style.setProperty("position", "absolute");
      this.style.setProperty("transform", `translate(${options.anchorLeft ?? "-50%"}, ${options.anchorTop ?? "-100%"})`);
      this.map.element.append(this);
      this.addEventListener("pointerdown", (event) => options.gmpDraggable && this.drag(event));
      this.place();
    }
    get position() { return this._position; }
    set position(position) { this._position = position; this.place(); }
    place() {
      const [x, y] = this.map.pixel(new LatLng(this._position));
      this.style.setProperty("left", `${x}px`);
      this.style.setProperty("top", `${y}px`);
    }
    drag(event) {
      event.preventDefault();
      const move = ({ clientX, clientY }) => {
        const box = this.map.element.getBoundingClientRect();
        this.position = this.map.under(clientX - box.left, clientY - box.top).toJSON();
        this.dispatchEvent(new Event("gmp-drag"));
      };
      const drop = () => {
        document.removeEventListener("pointermove", move);
        this.dispatchEvent(new Event("gmp-dragend"));
      };
      document.addEventListener("pointermove", move);
      document.addEventListener("pointerup", drop, { once: true });
    }
  }
  customElements.define("gmp-advanced-marker", AdvancedMarkerElement);

  const gone = (name) => class { constructor() { throw new Error(`google.maps.${name} is gone`); } };
  const classes = {
    core: { LatLng, Point, ColorScheme: { DARK: "DARK", LIGHT: "LIGHT" }, SymbolPath: { CIRCLE: 0 } },
    maps: { Map: GoogleMap, Data, GroundOverlay, KmlLayer: gone("KmlLayer") },
    marker: { AdvancedMarkerElement, Marker: gone("Marker") },
  };
  const maps = {
    event: {
      addListenerOnce: (target, name, act) => target.addEventListener(name, ({ detail }) => act(detail), { once: true }),
      clearInstanceListeners: () => undefined,
    },
    visualization: { HeatmapLayer: gone("visualization.HeatmapLayer") },
    drawing: { DrawingManager: gone("drawing.DrawingManager") },
    async importLibrary(name) {
      asked.libraries.push(name);
      const { AdvancedMarkerElement: marker, ...rest } = classes[name];
      Object.assign(maps, rest);
      if (marker) maps.marker = { AdvancedMarkerElement: marker };
      return classes[name];
    },
  };
  window.google = { maps, asked };
  setTimeout(() => window[new URL(asked.script).searchParams.get("callback")]());
})();
