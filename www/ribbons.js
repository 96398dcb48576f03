/** Paths as ribbons at their altitude, for a map that is looked at from the side. */

const DEGREE = 111195; // m, of latitude
const HIGHEST = 89; // degrees, beyond which a meridian's width is not divided by

/**
 * Return the lines of a `paths` layer as polygons {phase, control, base, top} of `width` metres, one per stretch.
 *
 * Each spans the altitudes between its ends, and at least a quarter of its width.
 */
export function ribbons({ features }, width) {
  const shapes = features.flatMap(({ geometry, properties }) =>
    geometry.coordinates.slice(1).map((to, index) => stretch(geometry.coordinates[index], to, properties, width)),
  );
  return { type: "FeatureCollection", features: shapes.filter(Boolean) };
}

function stretch([lon, lat, alt], [lon2, lat2, alt2], { phase, control }, width) {
  const narrow = Math.cos((Math.min(Math.abs(lat), HIGHEST) * Math.PI) / 180);
  const [east, north] = [(lon2 - lon) * narrow, lat2 - lat];
  const length = Math.hypot(east, north);
  if (length === 0) return null;
  const half = ((control ? 2 : 1) * width) / 2 / DEGREE / length;
  const [x, y] = [(-north * half) / narrow, east * half];
  const corners = [[lon + x, lat + y], [lon2 + x, lat2 + y], [lon2 - x, lat2 - y], [lon - x, lat - y]];
  const [base, top] = [Math.min(alt, alt2), Math.max(alt, alt2, Math.min(alt, alt2) + width / 4)];
  return {
    type: "Feature",
    properties: { phase, control, base, top },
    geometry: { type: "Polygon", coordinates: [[...corners, corners[0]]] },
  };
}
