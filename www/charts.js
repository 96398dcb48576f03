/** Charts as SVG: they follow the theme, print, and say in words what they show. */

import { svg } from "./dom.js";
import { landing, phases, winds } from "./flown.js";
import { duration, grouped, measure, shown, unitName } from "./units.js";

const WIDTH = 372;
const HEIGHT = 170;
const MARGIN = { left: 46, right: 14, top: 8, bottom: 24 };
const RIGHT = WIDTH - MARGIN.right;
const BOTTOM = HEIGHT - MARGIN.bottom;

/** Return round numbers from 0 to `limit`, about `count` of them. */
function ticks(limit, count) {
  const rough = limit / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  return Array.from({ length: Math.floor(limit / step + 1e-9) + 1 }, (_, number) => number * step);
}

/** Return a frame with its axes; `xs` and `ys` are [[position 0..1, label], ...]. */
function frame(label, xs, ys) {
  const root = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const [position, text] of xs) {
    const x = MARGIN.left + position * (RIGHT - MARGIN.left);
    root.append(
      svg("line", { class: "grid", x1: x, x2: x, y1: MARGIN.top, y2: BOTTOM }),
      svg("text", { x, y: BOTTOM + 16, "text-anchor": "middle" }, text),
    );
  }
  for (const [position, text] of ys) {
    const y = BOTTOM - position * (BOTTOM - MARGIN.top);
    root.append(
      svg("line", { class: "grid", x1: MARGIN.left, x2: RIGHT, y1: y, y2: y }),
      svg("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, text),
    );
  }
  return root;
}

function polyline(points, place, name) {
  const corners = points.map((point) => place(point).map((number) => number.toFixed(1)).join(","));
  return svg("polyline", { class: name, points: corners.join(" ") });
}

/** Return axis labels of a quantity up to `limit` (house units), in thousands where that reads better. */
function altitudes(limit, system) {
  const metric = system === "metric";
  const size = metric ? 1000 : 1000 * 0.3048;
  return ticks(limit / size, 4).map((tick) => [(tick * size) / limit, `${grouped(tick)}\u00a0${metric ? "km" : "kft"}`]);
}

/**
 * Return the chart of altitude over time of all flights, the first bold, and what moves its cursor to an instant.
 */
export function altitudeChart(flights, system) {
  const start = flights[0].points[0][3];
  const end = Math.max(...flights.map((flight) => flight.points.at(-1)[3]));
  const top = 1.04 * Math.max(...flights.map(({ points }) => Math.max(...points.map((point) => point[2]))), 1);
  const span = Math.max(end - start, 60);
  const hours = ticks(span / 3600, 5).map((tick) => [(tick * 3600) / span, `${Number(tick.toFixed(2))}\u00a0h`]);
  const control = flights[0];
  const burst = control.points[control.coast];
  const words =
    `Altitude over time: up to ${measure(burst[2], "altitude", system)} after ${duration(burst[3] - start)}, ` +
    `landing after ${duration(landing(control).time - start)}.`;
  const root = frame(words, hours, altitudes(top, system));
  const place = ([, , alt, time]) => [
    MARGIN.left + ((time - start) / span) * (RIGHT - MARGIN.left),
    BOTTOM - (alt / top) * (BOTTOM - MARGIN.top),
  ];
  for (const { points } of flights.slice(1)) root.append(polyline(points, place, "thin"));
  for (const [name, points] of Object.entries(phases(control))) root.append(polyline(points, place, `line ${name}`));
  const cursor = svg("line", { class: "cursor", y1: MARGIN.top, y2: BOTTOM });
  const dot = svg("circle", { class: "cursor-dot", r: 5 });
  root.append(cursor, dot);
  const move = (time, alt) => {
    const [x, y] = place([0, 0, alt, Math.min(Math.max(time, start), end)]);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
  };
  move(start, control.points[0][2]);
  return { chart: root, move };
}

/**
 * Return the chart of wind speed and direction against altitude; arrows point where the wind blows to.
 *
 * `column` is [[alt, u, v], ...] over the launch or null; without it, and thin beside it, what the flights met.
 */
export function windChart(flights, column, system) {
  const met = flights.map(winds);
  const bold = column
    ? column.map(([alt, u, v]) => [alt, Math.hypot(u, v), (Math.atan2(-u, -v) * 180) / Math.PI]).sort((a, b) => a[0] - b[0])
    : met[0];
  const reach = Math.max(...flights.map(({ points, coast }) => points[coast][2]), 100) * 1.04;
  const drawn = bold.filter(([alt]) => alt <= reach);
  const fastest = 1.08 * Math.max(5, ...drawn.map(([, speed]) => speed), ...met.flat().map(([, speed]) => speed));
  const unit = unitName("wind", system);
  const limit = shown(fastest, "wind", system);
  const speeds = ticks(limit, 5).map((tick, index) => [tick / limit, index ? `${grouped(tick)}\u00a0${unit}` : "0"]);
  const peak = drawn.reduce((best, level) => (level[1] > best[1] ? level : best), [0, 0, 0]);
  const words =
    `Wind against altitude: strongest ${measure(peak[1], "wind", system)} at ${measure(peak[0], "altitude", system)}, ` +
    `from ${Math.round((peak[2] + 360) % 360)} degrees.`;
  const root = frame(words, speeds, altitudes(reach, system));
  const place = ([alt, speed]) => [
    MARGIN.left + (speed / fastest) * (RIGHT - 20 - MARGIN.left),
    BOTTOM - (alt / reach) * (BOTTOM - MARGIN.top),
  ];
  for (const profile of met) root.append(polyline(profile, place, "thin"));
  root.append(polyline(drawn, place, "line speed"));
  for (const level of spread(drawn, reach)) root.append(arrow(place(level)[1], level[2]));
  return root;
}

/** Return some ten levels that stand apart. */
function spread(levels, reach) {
  const chosen = [];
  for (const level of levels) if (!chosen.length || level[0] - chosen.at(-1)[0] > reach / 11) chosen.push(level);
  return chosen;
}

function arrow(y, from) {
  const shape = "M0 6V-6M-3 -2.5L0 -6L3 -2.5";
  return svg("path", { class: "barb", d: shape, transform: `translate(${RIGHT - 4} ${y.toFixed(1)}) rotate(${(from + 180).toFixed(0)})` });
}
