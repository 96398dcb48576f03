/** Drawing an area on a map: corners by clicks, or by the space bar at the map's middle. */

const NEAR = 14; // px from the first corner that close the area

/** Return what draws on the MapLibre `map`; `show` is given the shapes, a GeoJSON collection. */
export function drawing(map, show) {
  let corners = null; // [[lon, lat], ...] while somebody draws
  let finish = null;

  const collection = (...features) => ({ type: "FeatureCollection", features });
  const feature = (type, coordinates) => ({ type: "Feature", properties: {}, geometry: { type, coordinates } });

  function end(area) {
    corners = null;
    map.getCanvas().classList.remove("drawing");
    document.removeEventListener("keydown", keys);
    map.doubleClickZoom.enable();
    show(area ? collection(area) : collection());
    finish(area?.geometry ?? null);
  }

  function close() {
    if (corners.length < 3) return;
    end(feature("Polygon", [[...corners, corners[0]]]));
  }

  function add(lon, lat) {
    corners.push([lon, lat]);
    const line = corners.length > 1 ? [feature("LineString", corners)] : [];
    show(collection(...line, ...corners.map((corner) => feature("Point", corner))));
  }

  function keys(event) {
    if (event.key === "Escape") end(null);
    else if (event.key === "Enter" && corners.length >= 3) {
      event.preventDefault();
      close();
    } else if (event.key === " " && event.target === map.getCanvas()) {
      event.preventDefault();
      const { lng, lat } = map.getCenter();
      add(lng, lat);
    }
  }

  return {
    /** Begin; the promise gives a GeoJSON polygon, or null if somebody stops. */
    start() {
      if (corners) end(null);
      corners = [];
      map.getCanvas().classList.add("drawing");
      map.doubleClickZoom.disable();
      document.addEventListener("keydown", keys);
      map.getCanvas().focus();
      return new Promise((resolve) => (finish = resolve));
    },
    /** Return whether a click at that place was a corner. */
    takes({ lat, lon }) {
      if (!corners) return false;
      if (corners.length >= 3) {
        const [first, here] = [map.project(corners[0]), map.project([lon, lat])];
        if (Math.hypot(first.x - here.x, first.y - here.y) < NEAR) {
          close();
          return true;
        }
      }
      add(lon, lat);
      return true;
    },
    clear: () => show(collection()),
  };
}
