/** The launch window: an ensemble per launch time, side by side. */

import { ask, stopped } from "./api.js";
import { byId, element } from "./dom.js";
import { area } from "./facts.js";
import { ensemble } from "./flown.js";
import { launchTimes, question } from "./state.js";
import { measure, percent } from "./units.js";
import { clock, day, offsetName } from "./zones.js";

const AT_ONCE = 2; // questions
const ENDING = [0, 403, 503]; // statuses that tell of the server and not of one launch
const WET = 0.1; // share in water from which a launch is hatched

/**
 * Return the launches of `state`, one after the other as they are answered.
 *
 * A launch is {time, state, question, flown, error}; `told` is called with all of them after each answer.  Raises
 * what `signal` says when it aborts, and an error that is not about one launch.
 */
export async function fly(state, told, signal) {
  const launches = launchTimes(state).map((time) => {
    const asked = { ...state, timestamp: time, run: "ensemble" };
    return { time, state: asked, question: question(asked), flown: null, error: null };
  });
  const waiting = [...launches];
  told(launches);
  const work = async () => {
    for (let launch = waiting.shift(); launch; launch = waiting.shift()) {
      try {
        launch.flown = ensemble(await ask(launch.question, signal));
      } catch (error) {
        if (stopped(error) || ENDING.includes(error.status)) throw error;
        launch.error = error;
      }
      told(launches);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return launches;
}

const size = ({ flown }) => area(flown.facts, 0.9).area_km2;
const wetness = ({ flown }) => flown.facts.water?.share ?? 0;

/** Return the launch with the smallest outer area among the driest, or null. */
export function best(launches) {
  const flown = launches.filter((launch) => launch.flown);
  if (!flown.length) return null;
  const dry = flown.filter((launch) => wetness(launch) < WET);
  const [first] = [...(dry.length ? dry : flown)].sort((one, other) => (dry.length ? 0 : wetness(one) - wetness(other)) || size(one) - size(other));
  return first;
}

/** Show the strip; `choose` is called with the launch that somebody presses. */
export function showWindow(launches, chosen, { zone, units }, choose) {
  const answered = launches.filter((launch) => launch.flown);
  const widest = Math.max(...answered.map(size), 1e-9);
  const favourite = launches.every((launch) => launch.flown || launch.error) ? best(launches) : null;
  let today = "";
  const cells = launches.map((launch) => {
    const date = day(launch.time, zone);
    const label = date === today ? "\u00a0" : date;
    today = date;
    return element("li", {}, cell(launch, label, { widest, favourite, chosen, zone, units, choose }));
  });
  const list = byId("launch-list");
  const focused = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  const { scrollLeft } = list;
  list.replaceChildren(...cells);
  list.scrollLeft = scrollLeft;
  list.querySelectorAll("button")[focused]?.focus();
  byId("window-hint").textContent =
    `Bars: 90 % area. Hatched: ${percent(WET)} or more of the simulated landings in water. Times in ${offsetName(launches[0].time, zone)}.`;
}

function cell(launch, label, { widest, favourite, chosen, zone, units, choose }) {
  const name = element("b", {}, clock(launch.time, zone));
  const date = element("small", {}, label);
  if (launch.error) {
    const why = launch.error.status === 400 ? "Outside the forecast" : launch.error.message;
    return element("button", { type: "button", class: "launch failed", disabled: true }, element("span", {}, date, element("br"), name), element("small", {}, why));
  }
  if (!launch.flown) return element("button", { type: "button", class: "launch", disabled: true }, element("span", {}, date, element("br"), name), element("small", {}, "Waiting"));
  const bar = element("i", { class: "bar" });
  bar.style.setProperty("height", `${((100 * size(launch)) / widest).toFixed(0)}%`);
  const names = ["launch"];
  if (wetness(launch) >= WET) names.push("wet");
  if (launch === favourite) names.push("best");
  const water = launch.flown.facts.water ? `${percent(wetness(launch))} water` : "";
  return element(
    "button",
    { type: "button", class: names.join(" "), "aria-pressed": String(launch === chosen), click: () => choose(launch) },
    element("span", {}, date, element("br"), name, launch === favourite ? element("small", {}, " smallest") : null),
    bar,
    element("span", {}, measure(size(launch), "area", units)),
    element("small", {}, water),
  );
}
