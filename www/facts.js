/** What the landing panel says, as plain data; nothing here touches the page. */

import { bearing, distance, wind } from "./earth.js";
import { landing } from "./flown.js";
import { duration, measure, percent } from "./units.js";
import { clock, day, offsetName } from "./zones.js";

export const CAVEAT = (members) =>
  `Spread of ${members} forecasts and small launch variations; errors of burst height and rates are not included; ` +
  "not calibrated on flights.";
export const WET = 0.1; // share of landings in water that is worth a word

/** Return where and when it lands: the most likely point of an ensemble, the end of a single flight. */
export function target(flown) {
  if (flown.facts === null) {
    const { lat, lon, time } = landing(flown.flights[0]);
    return { lat, lon, time };
  }
  return { ...flown.facts.likely, time: flown.facts.time.mean };
}

/** Return "135 km east (091°)". */
export function way(from, to, system) {
  const far = distance(from, to);
  if (far < 50) return "at the launch";
  const degrees = bearing(from, to);
  const shown = String(Math.round(degrees) % 360).padStart(3, "0");
  return `${measure(far, "distance", system)} ${wind(degrees)} (${shown}°)`;
}

/** Return the sentence a recovery team acts on, as [text, strong] pieces; `near` is a town's name or null. */
export function sentence(flown, launch, near, zone, system) {
  const point = target(flown);
  const where = way(launch, point, system);
  const pieces = [
    [flown.facts ? "Expect it " : `Member ${flown.flights[0].member} lands `, false],
    [where, true],
    [where === "at the launch" ? "" : " of the launch", false],
  ];
  if (near) pieces.push([", near ", false], [near, true]);
  const when = `${clock(point.time, zone)} (${offsetName(point.time, zone)})`;
  if (flown.facts === null) {
    pieces.push([", at ", false], [when, true], [". One run does not say how sure that is: run the ensemble.", false]);
    return pieces;
  }
  const outer = area(flown.facts, 0.9);
  pieces.push([", around ", false], [when, true], [": the 90\u00a0% area is ", false]);
  pieces.push([measure(outer.area_km2, "area", system), true]);
  const { water } = flown.facts;
  const wet = water && water.share >= WET ? `, and ${percent(water.share)} of the simulated landings are in water` : "";
  pieces.push([`${wet}.`, false]);
  return pieces;
}

/** Return the area of that level. */
export const area = (facts, level) => facts.areas.find((found) => found.level === level);

/** Return "13:53 (UTC−8)" with the day where it is not that of `launch`, and UTC beside it. */
export function landingTime(time, launch, zone) {
  const away = day(time, zone) === day(launch, zone) ? "" : `${day(time, zone)} `;
  const local = `${away}${clock(time, zone)} (${offsetName(time, zone)})`;
  return offsetName(time, zone) === "UTC" ? local : `${local}, ${clock(time, "UTC")} UTC`;
}

/** Return when it lands after the launch, with its spread. */
export function afterLaunch(flown) {
  const launch = flown.flights[0].points[0][3];
  const spread = flown.facts ? ` ± ${seconds(flown.facts.time.sd)}` : "";
  return `T+${duration(target(flown).time - launch)}${spread}`;
}

function seconds(sd) {
  return sd < 90 ? `${Math.round(sd)}\u00a0s` : `${Math.round(sd / 60)}\u00a0min`;
}

/** Return "23.7 km², 96 % of simulated landings". */
export const areaFact = ({ area_km2: size, share }, system) => [
  measure(size, "area", system),
  `${percent(share)} of simulated landings`,
];

/** Return how many members and variations landed. */
export function landed(flown, asked) {
  const members = flown.flights.length;
  const varied = flown.landings.length - members;
  const all = members + flown.failed.length;
  return [`${members} of ${all} members`, `${varied} of ${all * asked} variations`];
}

/** Return a row per member: number, where and when it landed, how far, how high it was. */
export function rows(flown, launch, zone, system) {
  return flown.flights.map((flight) => {
    const end = landing(flight);
    const top = Math.max(...flight.points.map((point) => point[2]));
    return [
      flight.member === 0 ? "0 (control)" : String(flight.member),
      end.lat.toFixed(4),
      end.lon.toFixed(4),
      clock(end.time, zone),
      measure(distance(launch, end), "distance", system),
      `${String(Math.round(bearing(launch, end)) % 360).padStart(3, "0")}°`,
      measure(top, "altitude", system),
    ];
  });
}
