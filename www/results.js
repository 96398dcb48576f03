/** The landing panel: the sentence, the facts, downloads, charts, the table of members, the command. */

import { altitudeChart, windChart } from "./charts.js";
import { byId, copy, element } from "./dom.js";
import { decimal, sexagesimal } from "./earth.js";
import { CAVEAT, afterLaunch, area, areaFact, landed, landingTime, rows, sentence, target, way } from "./facts.js";
import { notify, say, withdraw } from "./notices.js";
import { measure, percent } from "./units.js";

let cursor = null;

/** Move the charts' cursor to an instant at which the first flight is at `alt`. */
export const moveCursor = (time, alt) => cursor?.(time, alt);

/**
 * Show what was flown.
 *
 * `shown` is {flown, state (what was asked), zone, question, near: a town's name or null}; `acts` has `draw()`, which starts the
 * drawing of an area or clears it, and `zoom()`, which shows the landing on the map.
 */
export function showResults({ flown, state, zone, question, near }, acts) {
  const { units: system } = state;
  const launch = { lat: state.lat, lon: state.lon };
  const pieces = sentence(flown, launch, near, zone, system);
  byId("sentence").replaceChildren(...pieces.map(([text, strong]) => (strong ? element("b", {}, text) : text)));
  byId("answer").hidden = false;
  showFacts(flown, state, zone, acts);
  const members = flown.flights.length;
  byId("caveat").textContent = flown.facts ? CAVEAT(members) : "";
  byId("caveat").hidden = !flown.facts;
  showDownloads(question, flown);
  showTable(flown, launch, zone, system);
  byId("curl").textContent = `curl "${location.origin}${question}"`;
  const { chart, move } = altitudeChart(flown.flights, system);
  byId("altitude-chart").replaceChildren(chart);
  cursor = move;
  showWinds(flown, null, system);
  if (flown.partial || flown.failed.length) {
    const missing = flown.failed.length ? ` Without members ${flown.failed.join(", ")}.` : "";
    const why = flown.partial ? "Time ran out before every member had flown." : "Some members' winds could not be read.";
    notify("partial", "warning", `${members} of ${members + flown.failed.length} members: ${why}${missing} Run again for the rest.`, {
      strong: "Partial result.",
    });
  } else withdraw("partial");
}

/** Show the winds over the launch, [[alt, u, v], ...], or what the flights met. */
export function showWinds(flown, column, system) {
  byId("wind-caption").textContent = column ? "Wind over the launch" : "Wind along the ascent";
  byId("wind-chart").replaceChildren(windChart(flown.flights, column, system));
}

function showFacts(flown, state, zone, { draw, zoom }) {
  const { units: system } = state;
  const point = target(flown);
  const list = byId("facts");
  const fact = (name, id, ...content) => {
    const value = element("dd", { id: `fact-${id}` }, ...content);
    return element("div", {}, element("dt", {}, name), value);
  };
  const small = (text) => element("small", {}, text);
  const line = (text) => element("small", { class: "line" }, text);
  const found = [
    fact(flown.facts ? "Most likely point" : "Landing point", "point", ...pointFact(point, flown.demo, zoom)),
    fact("Lands at", "time", landingTime(point.time, state.timestamp, zone), line(afterLaunch(flown))),
  ];
  if (flown.facts) {
    for (const level of [0.5, 0.9]) {
      const [size, holds] = areaFact(area(flown.facts, level), system);
      found.push(fact(`${100 * level}\u00a0% area`, `area-${100 * level}`, size, " ", small(holds)));
    }
  }
  const spread = flown.facts ? small(`±${measure(flown.facts.spread_m, "distance", system)} spread`) : null;
  found.push(fact("From the launch", "way", way(state, point, system), " ", spread));
  found.push(fact("Ground there", "ground", flown.facts ? measure(flown.facts.elevation_m, "altitude", system) : "…"));
  if (flown.facts?.water) found.push(fact("In water", "water", ...waterFact(flown.facts.water)));
  if (flown.facts) {
    const button = element("button", { type: "button", id: "draw-area", click: draw }, "Draw an area");
    found.push(fact("In an area of yours", "inside", element("span", { id: "inside-text" }), element("div", { class: "fact-actions" }, button)));
    const [members, varied] = landed(flown, state.num_perturbations);
    found.push(fact("Landed", "landed", members, " ", small(varied)));
  }
  const focused = list.contains(document.activeElement) ? document.activeElement.id : null;
  list.replaceChildren(...found);
  if (focused) byId(focused)?.focus();
}

function pointFact(point, demo, zoom) {
  const text = decimal(point);
  const button = element("button", { type: "button", id: "copy-point" }, "Copy");
  button.addEventListener("click", () => copy(text, button, say));
  const actions = [button, element("button", { type: "button", id: "zoom-landing", click: zoom }, "Show on the map")];
  if (!demo) {
    const [lat, lon] = [point.lat.toFixed(5), point.lon.toFixed(5)];
    const maps = `https://www.google.com/maps/search/?api=1&query=${lat},${lon}`;
    actions.push(element("a", { class: "button", href: `geo:${lat},${lon}?q=${lat},${lon}` }, "Open in maps app"));
    actions.push(element("a", { class: "button", href: maps, target: "_blank", rel: "noopener" }, "Google Maps"));
  }
  return [element("code", {}, text), element("small", { class: "line" }, sexagesimal(point)), element("div", { class: "fact-actions" }, ...actions)];
}

function waterFact(water) {
  const { share, members, of, covers } = water;
  return [percent(share), " ", element("small", {}, `${members} of ${of} members; ${covers} only`)];
}

/** Show the height of the ground at the landing (m), or why it is not known. */
export function showGround(text) {
  const place = byId("fact-ground");
  if (place) place.textContent = text;
}

/** Show what share of the landings lies inside the area that was drawn. */
export function showInside(text, drawn) {
  byId("inside-text").textContent = text;
  byId("draw-area").textContent = drawn ? "Clear the area" : "Draw an area";
}

function showDownloads(question, flown) {
  const link = (label, query) => element("a", { class: "button", href: `${question}${query}`, download: "" }, label);
  const links = [link("Download CSV", "&format=csv")];
  if (flown.kind === "ensemble") links.push(link("Full CSV", "&format=csv&detail=full"));
  byId("downloads").replaceChildren(...links, link("KML", "&format=kml"), link("GeoJSON", "&format=geojson"));
}

function showTable(flown, launch, zone, system) {
  const heads = ["Member", "Latitude", "Longitude", "Lands", "Distance", "Bearing", "Highest"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const body = rows(flown, launch, zone, system).map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((text) => element("td", {}, text))),
  );
  byId("members-table").replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

/** Mark the answer shown as an earlier one, saying why, or unmark it. */
export function markOld(sentenceOrNull) {
  byId("results").classList.toggle("old", sentenceOrNull !== null);
  byId("mark").hidden = sentenceOrNull === null;
  byId("mark").textContent = sentenceOrNull ?? "";
}
