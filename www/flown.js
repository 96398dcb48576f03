/**
 * What was flown, in one shape for a single flight and for an ensemble.
 *
 *     kind       "single" or "ensemble"
 *     flights    [{member, points: [[lat, lon, alt, time], ...], coast, descent}], by member, without failed ones;
 *                `coast` and `descent` are the indices where those phases start
 *     landings   [[lat, lon, label], ...]; of a single flight none
 *     facts      the ensemble's `landing`, or null
 *     failed, partial, gefs, demo, id
 *
 * The first flight is the control run's where there is one.
 */

import { unwrapped } from "./earth.js";

/** Return what an answer of `/sim/spaceshot` says. */
export function ensemble(answer) {
  const flights = answer.paths.flatMap((points, member) =>
    points === null ? [] : [flight(member, points, ...answer.phases[member])],
  );
  const { landing, failed_models: failed, partial, gefs, demo, request_id: id } = answer;
  return { kind: "ensemble", flights, landings: answer.heatmap_data, facts: landing, failed, partial, gefs, demo, id };
}

/** Return what an answer of `/sim/singlezpb` says about `member`; `which` is that of `/sim/which`. */
export function single([ascent, coast, descent], member, which) {
  const points = [];
  const starts = [];
  for (const phase of [ascent, coast, descent]) {
    starts.push(Math.max(points.length - 1, 0));
    points.push(...(points.length ? phase.slice(1) : phase));
  }
  const flights = [flight(member, points, starts[1], starts[2])];
  const { gefs, demo } = which;
  return { kind: "single", flights, landings: [], facts: null, failed: [], partial: false, gefs, demo, id: null };
}

function flight(member, points, coast, descent) {
  const lons = [points[0][1]];
  for (const point of points.slice(1)) lons.push(unwrapped(point[1], lons.at(-1)));
  const straight = points.map(([lat, , alt, time], index) => [lat, lons[index], alt, time]);
  return { member, points: straight, coast, descent };
}

/** Return the flight's three phases as lists of points; one of no duration is empty. */
export function phases({ points, coast, descent }) {
  return {
    ascent: points.slice(0, coast + 1),
    coast: descent > coast ? points.slice(coast, descent + 1) : [],
    descent: points.slice(descent),
  };
}

/** Return where a flight is at `time` (Unix seconds): {lat, lon, alt, phase}; before launch and after landing, there. */
export function at({ points, coast, descent }, time) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][3] <= time) low = middle;
    else high = middle;
  }
  const [from, to] = [points[low], points[high]];
  const span = to[3] - from[3];
  const share = span > 0 ? Math.min(Math.max((time - from[3]) / span, 0), 1) : 1;
  const [lat, lon, alt] = [0, 1, 2].map((axis) => from[axis] + share * (to[axis] - from[axis]));
  const landed = time >= points.at(-1)[3];
  const phase = landed ? "landed" : time < points[coast][3] ? "ascent" : time < points[descent][3] ? "coast" : "descent";
  return { lat, lon, alt, phase };
}

/** Return where a flight ended, {lat, lon, alt, time}. */
export function landing({ points }) {
  const [lat, lon, alt, time] = points.at(-1);
  return { lat, lon, alt, time };
}

/** Return the speed and direction that a flight's wind had, from one point to the next: [[alt, speed, from], ...]. */
export function winds({ points, coast }) {
  const found = [];
  for (let index = 1; index <= coast; index += 1) {
    const [[lat, lon, alt, time], [lat2, lon2, alt2, time2]] = [points[index - 1], points[index]];
    if (time2 <= time) continue;
    const metres = (Math.PI / 180) * (6371009 + (alt + alt2) / 2);
    const v = ((lat2 - lat) * metres) / (time2 - time);
    const u = ((lon2 - lon) * metres * Math.cos(((lat + lat2) * Math.PI) / 360)) / (time2 - time);
    found.push([(alt + alt2) / 2, Math.hypot(u, v), (Math.atan2(-u, -v) * 180) / Math.PI]);
  }
  return found;
}
