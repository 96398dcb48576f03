// Facts about what the page computes without a page; run by tests/test_page_state.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bearing, decimal, distance, place, sexagesimal, unwrapped, wind, wrapped } from "../www/earth.js";
import { sentence, way } from "../www/facts.js";
import { at, ensemble, phases, single } from "../www/flown.js";
import { areaShapes, bounds, landingPoints, pathLines } from "../www/paths.js";
import { flightLength, fromAddress, initial, instant, launchTimes, nearestInside, nextHour, problems, question, toAddress } from "../www/state.js";
import { duration, grouped, house, measure, percent, shown, typed } from "../www/units.js";
import { cycleName, iso, known, moment, offset, offsetName, unixOf, wall } from "../www/zones.js";

const SITE = { lat: 37.3553, lon: -121.8763, alt: 24 };
const NOW = Date.UTC(2026, 10, 26, 10, 41) / 1000;
const state = initial(SITE, NOW);
const close = (one, other, tolerance) => assert.ok(Math.abs(one - other) <= tolerance, `${one} is not ${other}`);

test("defaults are the owner's", () => {
  const { lat, lon, alt, equil, eqtime, asc, desc, timestamp, descent_model: descent } = state;
  assert.deepEqual({ lat, lon, alt, equil, eqtime, asc, desc }, { ...SITE, equil: 30000, eqtime: 0, asc: 4, desc: 8 });
  assert.equal(iso(timestamp), "2026-11-26T11:00Z");
  assert.equal(descent, "drag");
});

test("a full hour's next hour is the one after it", () => assert.equal(nextHour(7200), 10800));

test("an address and the state are each other's inverse", () => {
  for (const run of ["single", "ensemble", "multi"]) {
    const asked = { ...state, run, lat: -33.5, lon: 179.9, alt: null, eqtime: 0.25, model: run === "single" ? 7 : 0, units: "imperial", zone: "utc" };
    const read = fromAddress(toAddress(asked), state, NOW);
    assert.deepEqual(read, { state: asked, unread: [], asks: true });
  }
});

test("an address without anything asks for nothing", () => {
  assert.deepEqual(fromAddress("", state, NOW), { state, unread: [], asks: false });
  assert.equal(fromAddress("?units=imperial&gefs=2026112600", state, NOW).asks, false);
});

test("what an address says badly is named and left alone", () => {
  const read = fromAddress("?asc=fast&model=1.5&run=twice&timestamp=soon&desc=", state, NOW);
  assert.deepEqual(read.unread.toSorted(), ["asc", "desc", "model", "run", "timestamp"]);
  assert.deepEqual(read.state, state);
});

test("times are Unix seconds, ISO 8601 or from now", () => {
  assert.equal(instant("1795651200", NOW), 1795651200);
  assert.equal(instant("2026-11-26T00:00Z", NOW), 1795651200);
  assert.equal(instant("now", NOW), nextHour(NOW));
  assert.equal(instant("now+6h", NOW), nextHour(NOW) + 6 * 3600);
  assert.equal(instant("yesterday", NOW), null);
});

test("a place in an address without an altitude is on the ground", () => {
  assert.equal(fromAddress("?lat=40", state, NOW).state.alt, null);
  assert.equal(fromAddress("?lat=40&alt=5", state, NOW).state.alt, 5);
});

test("the question has every parameter of the flight, and the ground is altitude 0", () => {
  const query = new URLSearchParams(question({ ...state, alt: null }).split("?")[1]);
  assert.deepEqual([...query.keys()], ["timestamp", "lat", "lon", "alt", "equil", "eqtime", "asc", "desc", "coeff", "descent_model", "num_perturbations"]);
  assert.equal(query.get("alt"), "0");
  assert.match(question({ ...state, run: "single", model: 3 }), /^\/sim\/singlezpb\?.*&model=3$/);
});

test("launch times begin at the launch", () => {
  assert.deepEqual(launchTimes({ timestamp: 0, interval: 3, launches: 3 }), [0, 10800, 21600]);
});

test("the nearest launch inside a forecast is a full hour that leaves room for the flight", () => {
  const forecast = { start: 0, end: 36000 };
  assert.equal(nearestInside(99999, forecast, 7000), 28800);
  assert.equal(nearestInside(-5, forecast, 7000), 0);
  assert.equal(nearestInside(7200, forecast, 7000), 7200);
  assert.equal(nearestInside(0, forecast, 40000), null);
});

test("no variation flies longer than the longest flight", () => {
  const { alt, equil, eqtime, asc, desc } = state;
  const longest = (equil + 10 - alt + 1) / (asc - 0.1) + (eqtime + 0.1) * 3600 + (equil + 10) / (desc - 0.1);
  const length = flightLength(state);
  assert.ok(length >= longest && length < 1.01 * longest);
});

test("problems name the field, its range and the unit chosen", () => {
  const limits = { alt: { minimum: 0, maximum: 50000 }, equil: { minimum: 0, maximum: 50000, exclusive: true }, asc: { minimum: 0.1, maximum: 20 } };
  const write = (name, value) => `${value} of ${name}`;
  assert.deepEqual(problems(state, limits, write), {});
  assert.deepEqual(problems({ ...state, asc: 30, equil: 50000 }, limits, write), {
    asc: "Give a number from 0.1 of asc to 20 of asc.",
    equil: "Give a number from 0 of equil to below 50000 of equil.",
  });
  assert.deepEqual(Object.keys(problems({ ...state, alt: 40000 }, limits, write)), ["equil"]);
  assert.deepEqual(Object.keys(problems({ ...state, asc: NaN, timestamp: NaN, launches: 1 }, limits, write)), ["asc", "launches", "timestamp"]);
});

test("places are read however people write them", () => {
  const there = { lat: 37 + 21 / 60 + 19 / 3600, lon: -(121 + 52 / 60 + 35 / 3600) };
  for (const text of ["37°21'19\"N 121°52'35\"W", "37 21 19 N, 121 52 35 W", "N37°21′19″ W121°52′35″", "121°52'35\"W, 37°21'19\"N"]) {
    const found = place(text);
    close(found.lat, there.lat, 1e-9);
    close(found.lon, there.lon, 1e-9);
  }
  assert.deepEqual(place("37.3553, -121.8763"), { lat: 37.3553, lon: -121.8763 });
  assert.deepEqual(place("37.3553 -121.8763"), { lat: 37.3553, lon: -121.8763 });
  assert.deepEqual(place("37.3553N 121.8763W"), { lat: 37.3553, lon: -121.8763 });
  assert.deepEqual(place("−5; 10"), { lat: -5, lon: 10 });
});

test("what is no place is none", () => {
  for (const text of ["", "San Jose", "91, 0", "0, 181", "37", "37 61 0 N, 0 E", "-37S, 0E", "37N, 20N", "1,2,3"]) assert.equal(place(text), null, text);
});

test("a place is written in degrees, minutes and seconds without sixty of either", () => {
  assert.equal(sexagesimal({ lat: 37.3553, lon: -121.8763 }), "37°21′19.1″N 121°52′34.7″W");
  assert.equal(sexagesimal({ lat: 0.99999999, lon: -0 }), "1°00′00.0″N 0°00′00.0″E");
  assert.equal(decimal({ lat: 1, lon: -2 }), "1.0000, -2.0000");
});

test("distances and bearings are those of the sphere", () => {
  close(distance({ lat: 0, lon: 179.5 }, { lat: 0, lon: -179.5 }), (6371009 * Math.PI) / 180, 1e-3);
  close(bearing({ lat: 0, lon: 0 }, { lat: 0, lon: 1 }), 90, 1e-9);
  close(bearing({ lat: 10, lon: 0 }, { lat: -10, lon: 0 }), 180, 1e-9);
  assert.equal(wind(359), "north");
  assert.equal(wind(92), "east");
  assert.equal(wrapped(180), -180);
  assert.equal(unwrapped(-179, 179), 181);
  assert.match(way({ lat: 0, lon: 0 }, { lat: 0, lon: 1 }, "metric"), /^111\u00a0km east \(090°\)$/);
});

test("units go there and back", () => {
  for (const [quantity, value] of [["altitude", 30000], ["rate", 4], ["distance", 1609.344], ["area", 25], ["wind", 10]]) {
    close(house(shown(value, quantity, "imperial"), quantity, "imperial"), value, 1e-9);
  }
  close(shown(30000, "altitude", "imperial"), 98425.197, 1e-3);
  close(shown(4, "rate", "imperial"), 787.402, 1e-3);
  assert.equal(typed(30000, "altitude", "imperial"), "98425");
  assert.equal(typed(4.25, "rate", "metric"), "4.25");
});

test("numbers are short and say no more than they know", () => {
  assert.equal(grouped(12345.6, 1), "12\u202f345.6");
  assert.equal(grouped(-0.04), "0");
  assert.equal(measure(26.48, "area", "metric"), "26.5\u00a0km²");
  assert.equal(measure(134200, "distance", "metric"), "134\u00a0km");
  assert.equal(percent(0), "0\u00a0%");
  assert.equal(percent(0.002), "0.2\u00a0%");
  assert.equal(percent(0.9999), "99.9\u00a0%");
  assert.equal(percent(1), "100\u00a0%");
  assert.equal(duration(7170), "2\u00a0h 0\u00a0min");
});

test("clocks of a zone follow its summer time", () => {
  const zone = "America/Los_Angeles";
  assert.deepEqual(wall(Date.UTC(2026, 2, 8, 10) / 1000, zone), { date: "2026-03-08", time: "03:00" });
  assert.equal(offset(Date.UTC(2026, 6, 1) / 1000, zone), -7 * 3600);
  assert.equal(unixOf("2026-11-26", "04:00", zone), Date.UTC(2026, 10, 26, 12) / 1000);
  assert.equal(unixOf("2026-03-08", "02:30", zone), Date.UTC(2026, 2, 8, 10, 30) / 1000); // skipped: 03:30
  assert.equal(unixOf("2026-11-01", "01:30", zone), Date.UTC(2026, 10, 1, 8, 30) / 1000); // twice: the first
  assert.equal(unixOf("2026-13-01", "01:30", zone), null);
});

test("zones are named by their distance to UTC", () => {
  assert.equal(offsetName(NOW, "America/Los_Angeles"), "UTC−8");
  assert.equal(offsetName(NOW, "Asia/Kolkata"), "UTC+5:30");
  assert.equal(offsetName(NOW, "UTC"), "UTC");
  assert.equal(moment(NOW, "UTC"), "Thu 26 Nov 10:41 (UTC)");
  assert.equal(cycleName("2026112212"), "22 Nov 12:00 UTC");
  assert.equal(known("Nowhere/Here"), false);
});

// A flight over the date line: up for 100 s, coast for 50 s, down for 100 s.
const PATH = [[10, 179.9, 0, 0], [10, -179.9, 500, 100], [10, -179.7, 500, 150], [10, -179.5, 0, 250]];
const ANSWER = {
  paths: [PATH, null],
  phases: [[1, 2], null],
  heatmap_data: [[10, -179.5, "model_0"], [10.1, 179.95, "mc_0_0"]],
  request_id: "0123456789ab", gefs: "2026112600", demo: true, failed_models: [1], partial: false,
  landing: {
    mean: { lat: 10, lon: -179.5 }, likely: { lat: 10, lon: -179.5 }, spread_m: 3, time: { mean: 250, sd: 5 },
    areas: [0.5, 0.9].map((level) => ({ level, share: level, area_km2: 100 * level, geometry: { type: "MultiPolygon", coordinates: [[[[-179.6, 9], [-179.4, 9], [-179.5, 11], [-179.6, 9]]]] } })),
    density: null,
  },
};

test("a flight over the date line is drawn unbroken", () => {
  const flown = ensemble(ANSWER);
  assert.deepEqual(flown.flights.map(({ member }) => member), [0]);
  const lons = pathLines(flown.flights).features.flatMap(({ geometry }) => geometry.coordinates.map(([lon]) => lon));
  assert.ok(Math.max(...lons) - Math.min(...lons) < 1);
  assert.ok(landingPoints(flown).features.every(({ geometry }) => geometry.coordinates[0] > 179));
  assert.ok(areaShapes(flown).features.every(({ geometry }) => geometry.coordinates[0][0][0][0] > 179));
  const box = bounds([flown]);
  close(box.west, 179.9, 1e-9);
  close(box.east, 180.5, 1e-9);
});

test("phases share their joints, and one of no duration is empty", () => {
  const [flight] = ensemble(ANSWER).flights;
  assert.deepEqual(Object.values(phases(flight)).map((points) => points.length), [2, 2, 2]);
  const direct = single([PATH.slice(0, 2), [], PATH.slice(1)], 4, { gefs: "2026112600", demo: false });
  assert.deepEqual(Object.values(phases(direct.flights[0])).map((points) => points.length), [2, 0, 3]);
  const falling = single([[], [], PATH.slice(2)], 4, { gefs: "2026112600", demo: false });
  assert.equal(phases(falling.flights[0]).descent.length, 2);
});

test("a balloon is where its path says", () => {
  const [flight] = ensemble(ANSWER).flights;
  const middle = at(flight, 50);
  close(middle.lon, 180, 1e-9);
  close(middle.alt, 250, 1e-9);
  assert.deepEqual([0, 50, 120, 200, 300].map((time) => at(flight, time).phase), ["ascent", "ascent", "coast", "descent", "landed"]);
});

test("the sentence says where, when and how sure", () => {
  const words = sentence(ensemble(ANSWER), { lat: 10, lon: 179.9 }, "Firebaugh", "UTC", "metric").map(([text]) => text).join("");
  assert.equal(words, "Expect it 65.7\u00a0km east (090°) of the launch, near Firebaugh, around 00:04 (UTC): the 90\u00a0% area is 90.0\u00a0km².");
});
