/** What was flown as GeoJSON layers, the same for every map. */

import { unwrapped } from "./earth.js";
import { landing, phases } from "./flown.js";

const collection = (features) => ({ type: "FeatureCollection", features });
const feature = (geometry, properties) => ({ type: "Feature", geometry, properties });
const point = (lat, lon, properties) => feature({ type: "Point", coordinates: [lon, lat] }, properties);

/** Return the paths as lines, one per flight and phase, {member, phase, control}; the first flight comes last, on top. */
export function pathLines(flights) {
  const lines = flights.flatMap((flight, index) =>
    Object.entries(phases(flight))
      .filter(([, points]) => points.length > 1)
      .map(([phase, points]) =>
        feature(
          { type: "LineString", coordinates: points.map(([lat, lon, alt]) => [lon, lat, alt]) },
          { member: flight.member, phase, control: index === 0 },
        ),
      ),
  );
  return collection([...lines].reverse());
}

/** Return every landing as a point, {label, nominal}. */
export function landingPoints(flown) {
  const near = flown.flights[0].points[0][1];
  if (!flown.landings.length) {
    const { lat, lon } = landing(flown.flights[0]);
    return collection([point(lat, lon, { label: `model_${flown.flights[0].member}`, nominal: true })]);
  }
  return collection(
    [...flown.landings].reverse().map(([lat, lon, label]) =>
      point(lat, unwrapped(lon, near), { label, nominal: label.startsWith("model_") }),
    ),
  );
}

/** Return the landing areas, {level, name}, the outer one first; none of a single flight. */
export function areaShapes(flown) {
  if (!flown.facts) return collection([]);
  const near = flown.flights[0].points[0][1];
  const areas = [...flown.facts.areas].sort((one, other) => other.level - one.level);
  return collection(
    areas.map(({ level, geometry }) =>
      feature({ ...geometry, coordinates: shifted(geometry.coordinates, near) }, { level, name: `${100 * level} %` }),
    ),
  );
}

/** Return nested coordinates with each ring moved by whole turns to lie near `near`. */
function shifted(coordinates, near) {
  if (typeof coordinates[0][0] !== "number") return coordinates.map((inner) => shifted(inner, near));
  const turns = unwrapped(coordinates[0][0], near) - coordinates[0][0];
  return coordinates.map(([lon, lat]) => [lon + turns, lat]);
}

/** Return the most likely landing of each launch, {label, chosen}. */
export function launchLabels(launches, chosen, write) {
  const answered = launches.filter(({ flown }) => flown);
  return collection(
    answered.map((launch) => {
      const { lat, lon } = launch.flown.facts.likely;
      const near = launch.flown.flights[0].points[0][1];
      return point(lat, unwrapped(lon, near), { label: write(launch.time), chosen: launch === chosen });
    }),
  );
}

/** Return where the flights are at an instant, {phase, control}. */
export const balloons = (places) =>
  collection(places.map(({ lat, lon, phase }, index) => point(lat, lon, { phase, control: index === 0 })).reverse());

/** Return the bounds of where it lands. */
export function landingBounds(flown) {
  const ends = flown.flights.map((flight) => ({ ...flight, points: flight.points.slice(-1) }));
  return bounds([{ ...flown, flights: ends }]);
}

/** Return the bounds {south, west, north, east} of all flights and landings. */
export function bounds(flowns) {
  const box = { south: 90, west: Infinity, north: -90, east: -Infinity };
  const near = flowns[0].flights[0].points[0][1];
  const take = (lat, lon) => {
    box.south = Math.min(box.south, lat);
    box.north = Math.max(box.north, lat);
    box.west = Math.min(box.west, lon);
    box.east = Math.max(box.east, lon);
  };
  for (const { flights, landings } of flowns) {
    for (const { points } of flights) for (const [lat, lon] of points) take(lat, lon);
    for (const [lat, lon] of landings) take(lat, unwrapped(lon, near));
  }
  return box;
}
