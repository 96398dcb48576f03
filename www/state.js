/**
 * What the page is asked for: one value, which the form, the address and the API's query are views of.
 *
 * House units inside and in the address (metres, m/s, hours for `eqtime`, Unix seconds); the names are the API's.
 * `alt` null is the ground.  Nothing here touches the page.
 */

import { SYSTEMS } from "./units.js";

const HOUR = 3600;
export const RUNS = ["single", "ensemble", "multi"];
export const ZONES = ["site", "device", "utc"];
export const DESCENTS = ["drag", "constant"];
export const WINDOW = { interval: { minimum: 1, maximum: 24, whole: true }, launches: { minimum: 2, maximum: 60, whole: true } };

const FLIGHT = ["timestamp", "lat", "lon", "alt", "equil", "eqtime", "asc", "desc", "coeff", "descent_model"];
const NUMBERS = ["lat", "lon", "alt", "equil", "eqtime", "asc", "desc", "coeff"];
const WHOLE = ["num_perturbations", "model", "interval", "launches"];
const CHOICES = { run: RUNS, zone: ZONES, units: SYSTEMS, descent_model: DESCENTS };

/** Return the next full hour after `now`, Unix seconds. */
export const nextHour = (now) => (Math.floor(now / HOUR) + 1) * HOUR;

/** Return what is asked for before anybody has chosen; `site` is {lat, lon, alt}. */
export function initial(site, now) {
  return {
    run: "ensemble",
    timestamp: nextHour(now),
    lat: site.lat,
    lon: site.lon,
    alt: site.alt,
    equil: 30000,
    eqtime: 0,
    asc: 4,
    desc: 8,
    coeff: 1,
    descent_model: "drag",
    num_perturbations: 20,
    model: 0,
    interval: 3,
    launches: 12,
    zone: "site",
    units: "metric",
  };
}

/** Return the time written as Unix seconds, ISO 8601 or "now+6h", or null. */
export function instant(text, now) {
  const ahead = /^now(?:[+ ](\d+(?:\.\d+)?)h)?$/.exec(text); // a plus in an address is a space
  if (ahead) return nextHour(now) + Number(ahead[1] ?? 0) * HOUR;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  return Number.isFinite(seconds) ? seconds : null;
}

/**
 * Return `base` changed by an address's query, with the names of what could not be read.
 *
 * A place without an altitude is on the ground.
 */
export function fromAddress(search, base, now) {
  const given = new URLSearchParams(search);
  const state = { ...base };
  const unread = [];
  const take = (name, value) => {
    if (value === null || Number.isNaN(value)) unread.push(name);
    else state[name] = value;
  };
  if (given.has("lat") || given.has("lon")) state.alt = null;
  for (const name of NUMBERS) if (given.has(name)) take(name, number(given.get(name)));
  for (const name of WHOLE) if (given.has(name)) take(name, whole(given.get(name)));
  for (const [name, values] of Object.entries(CHOICES)) {
    if (given.has(name)) take(name, values.includes(given.get(name)) ? given.get(name) : null);
  }
  if (given.has("timestamp")) take("timestamp", instant(given.get("timestamp"), now));
  return { state, unread, asks: [...FLIGHT, ...WHOLE, "run"].some((name) => given.has(name)) };
}

function number(text) {
  return text.trim() === "" ? null : Number(text);
}

function whole(text) {
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Return `state` as an address's query; `cycle` names the forecast that its result is of. */
export function toAddress(state, cycle = null) {
  const query = new URLSearchParams(flight(state));
  if (state.alt === null) query.delete("alt");
  query.set("run", state.run);
  if (state.run === "single") query.set("model", state.model);
  else query.set("num_perturbations", state.num_perturbations);
  if (state.run === "multi") {
    query.set("interval", state.interval);
    query.set("launches", state.launches);
  }
  query.set("zone", state.zone);
  query.set("units", state.units);
  if (cycle) query.set("gefs", cycle);
  return `?${query}`;
}

/** Return the part of the API's query that every kind of run shares. */
function flight(state) {
  return Object.fromEntries(FLIGHT.map((name) => [name, String(name === "alt" ? (state.alt ?? 0) : state[name])]));
}

/** Return the address of the API that answers `state`: a flight, or an ensemble. */
export function question(state) {
  const query = new URLSearchParams(flight(state));
  if (state.run === "single") query.set("model", state.model);
  else query.set("num_perturbations", state.num_perturbations);
  return `/sim/${state.run === "single" ? "singlezpb" : "spaceshot"}?${query}`;
}

/** Return the launch times of a launch window, Unix seconds. */
export const launchTimes = ({ timestamp, interval, launches }) =>
  Array.from({ length: launches }, (_, number) => timestamp + number * interval * HOUR);

/** Return the launch time nearest to `timestamp` of a flight of `length` seconds inside a forecast, or null. */
export function nearestInside(timestamp, { start, end }, length) {
  const first = Math.ceil(start / HOUR) * HOUR;
  const last = Math.floor((end - length) / HOUR) * HOUR;
  if (last < first) return null;
  return Math.min(Math.max(timestamp, first), last);
}

/** Return about how long a flight takes at most, in seconds: variations and a slow descent included. */
export function flightLength({ alt, equil, eqtime, asc, desc }) {
  const [slowAscent, slowDescent] = [asc, desc].map((rate) => Math.max(rate - 0.1, 0.05));
  const climb = Math.max(equil - (alt ?? 0) + 12, 0);
  return climb / slowAscent + (eqtime + 0.1) * HOUR + (equil + 12) / slowDescent;
}

/**
 * Return what is wrong, as {field: sentence}; empty if nothing is.
 *
 * `limits` are those of the API, {name: {minimum, maximum, exclusive, whole}}; `write` puts a limit into the words of
 * the chosen units.
 */
export function problems(state, limits, write) {
  const found = {};
  for (const [name, range] of Object.entries({ ...limits, ...WINDOW })) {
    const value = state[name];
    if (!Number.isFinite(range.minimum) || name === "timestamp" || (name === "alt" && value === null)) continue;
    const low = value < range.minimum;
    const high = range.exclusive ? value >= range.maximum : value > range.maximum;
    if (!Number.isFinite(value) || low || high || (range.whole && !Number.isInteger(value))) {
      found[name] = `Give a ${range.whole ? "whole " : ""}number from ${write(name, range.minimum)} to ${range.exclusive ? "below " : ""}${write(name, range.maximum)}.`;
    }
  }
  if (!found.equil && !found.alt && state.equil < (state.alt ?? 0)) {
    found.equil = `Burst must not be below the launch altitude, ${write("alt", state.alt)}.`;
  }
  if (!Number.isFinite(state.timestamp)) found.timestamp = "Give a date and a time.";
  return found;
}
