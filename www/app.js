/** The page, wired: the state is changed here and nowhere else, and what is shown follows from it. */

import { ask } from "./api.js";
import { byId, copy } from "./dom.js";
import { wrapped } from "./earth.js";
import { explain } from "./failures.js";
import { ensemble, single } from "./flown.js";
import { limitWriter, markProblems, offerMembers, wireForm, zoneOf } from "./form.js";
import { showForecast, showServer, watchConnection, wireTheme } from "./header.js";
import { offerLayers } from "./layers.js";
import { follower } from "./live.js";
import { openMap } from "./mapping.js";
import { keep, notify, say, withdraw } from "./notices.js";
import { wirePlaces } from "./places.js";
import { save, saved, wirePresets } from "./presets.js";
import { markOld, moveCursor, showResults } from "./results.js";
import { runner } from "./runner.js";
import { scene } from "./scene.js";
import { fromAddress, initial, problems, question, toAddress } from "./state.js";
import { surroundings } from "./surroundings.js";
import { wireTime } from "./time.js";
import { SYSTEMS } from "./units.js";
import { best, showWindow } from "./window.js";
import { clock, cycleName, day } from "./zones.js";

const UNITS = "habsim.units";
const SETTLED = 400; // ms without a change, after which the address and a launch window follow
const LOOK = 60000; // ms between looks at the forecast

const config = await ask("/config.json");
const now = () => Date.now() / 1000;
const base = { ...initial(config.site, now()), units: saved(UNITS, SYSTEMS[0]) };
const opened = fromAddress(location.search, base, now());
let { state } = opened;
let which = null;
let shown = null; // {flown, state, asked, launches?, chosen?}: the answer on the page; of a window, the chosen launch's
let settling = 0;

const view = scene();
const runs = runner();
const around = surroundings();
const zone = () => zoneOf(state, around.zone());
const slider = wireTime((time, places) => {
  view.showBalloons(places);
  moveCursor(time, places[0].alt);
});
const live = follower(
  (asked, answer) => {
    withdraw("failed");
    const flown = asked.state.run === "single" ? single(answer, asked.state.model, which) : ensemble(answer);
    present({ flown, state: asked.state, asked: asked.state }, false);
  },
  (asked, error) => fail(error, asked.state),
);
const form = wireForm(change, (kind) => run(kind ?? state.run));
let map = Promise.resolve(null);
const dark = wireTheme(async (isDark) => (await map)?.setDark(isDark));
map = openMap(byId("map"), {
  dark,
  centre: { lat: state.lat, lon: state.lon },
  google: config.google,
  online: config.online_layers,
  clicked: (place) => move(place, true),
  moved: move,
  notice: (sentence) => notify("map", "warning", sentence, { strong: "Map." }),
  replaced: (found) => {
    found?.setDark(document.documentElement.hasAttribute("data-dark"));
    (map = Promise.resolve(found)).then(use);
  },
});

/** Return what tells one question from another. */
const key = (asked) => (asked.run === "multi" ? `${question(asked)} ${asked.interval} ${asked.launches}` : question(asked));

/** Change the state; `done` is whether people have finished, or are still typing or dragging. */
function change(patch, done = true) {
  const placed = "lat" in patch;
  state = { ...state, ...patch };
  if (placed && !("alt" in patch)) state.alt = null;
  const found = problems(state, config.parameters, limitWriter(state.units, config.parameters));
  if (done || !Object.keys(found).length) markProblems(found, false);
  form.show(state, around.zone());
  showCount();
  if (placed) view.setLaunch(state);
  if ("units" in patch || "zone" in patch) redraw();
  settle(done);
  if (!shown && !runs.busy()) return;
  if (Object.keys(found).length) {
    live.stop();
    return markOld(shown && "This is the answer for earlier values: mend what is marked to have the new one.");
  }
  markOld(stale());
  if (stale() === null) return live.stop();
  runs.stop();
  if (state.run !== "multi") live.want({ address: question(state), state });
}

/** Return why what is shown is not the answer to the present question, or null if it is. */
function stale() {
  if (!shown || key(shown.asked) === key(state)) return null;
  const when = state.run === "multi" ? "follows when you stop" : "is on its way";
  return `This is the answer for earlier values; the new one ${when}.`;
}

/** Let what takes longer follow when changes have ended: the address, the place's name, a launch window. */
function settle(done) {
  clearTimeout(settling);
  settling = setTimeout(() => {
    remember();
    look();
    if (done && state.run === "multi" && stale() !== null) run("multi", false);
  }, SETTLED);
}

/** Keep the state in the address, with the forecast if its answer is shown. */
function remember() {
  const cycle = shown && stale() === null ? shown.flown.gefs : null;
  history.replaceState(null, "", toAddress(state, cycle) + location.hash);
}

/** Learn about the launch site; times are shown anew once its zone is known. */
function look() {
  around.look(state, () => {
    form.show(state, around.zone());
    redraw();
  });
}

function move({ lat, lon }, done) {
  around.called(null);
  change({ lat: Math.min(Math.max(lat, -90), 90), lon: wrapped(lon) }, done);
}

function showCount() {
  const count = config.members * (1 + state.num_perturbations);
  byId("flights").textContent = Number.isFinite(count) ? `${config.members} members, ${count} flights in an ensemble` : "";
}

/** Ask for a run of that kind and show what comes; `lead` moves the focus and the map to it. */
async function run(kind, lead = true) {
  live.stop();
  state = { ...state, run: kind };
  form.show(state, around.zone());
  const found = problems(state, config.parameters, limitWriter(state.units, config.parameters));
  markProblems(found, true);
  if (Object.keys(found).length) return;
  withdraw("failed");
  const asked = state;
  try {
    which ??= await ask("/sim/which");
    const answer = await runs.run(asked, which, (launches) => strip(launches, shown?.chosen, asked));
    if (answer === null) return;
    if (answer.cancelled) return cancelled();
    const { launches, flown } = answer;
    if (flown) return present({ flown, state: asked, asked }, lead);
    return choose(launches, launches.includes(shown?.chosen) ? shown.chosen : best(launches), asked, lead);
  } catch (error) {
    return fail(error, asked);
  }
}

function cancelled() {
  say("Stopped. What was shown stays.");
  restore();
  if (shown) return markOld(stale() && "This is the answer for earlier values: you stopped the new one.");
  byId("sentence").textContent = "Stopped. A run that has begun goes on at the server; press its button again to see it.";
}

/** Show the launch window of the answer at hand, if it is one, in place of one that did not come to its end. */
function restore() {
  strip(shown?.launches, shown?.chosen, shown?.asked);
}

/** Show the window that `asked` has with that launch chosen. */
function choose(launches, launch, asked, lead) {
  if (launch === null) return fail(launches[0].error, asked);
  return present({ flown: launch.flown, state: launch.state, asked, launches, chosen: launch }, lead);
}

function strip(launches, launch, asked) {
  byId("window").hidden = !launches;
  byId("stage").classList.toggle("windowed", Boolean(launches));
  if (!launches) return;
  showWindow(launches, launch, { zone: zone(), units: state.units }, (found) => choose(launches, found, asked, false));
}

/** Show an answer; see `shown`.  `lead` moves the focus and the map to it. */
function present(answer, lead) {
  const first = shown === null;
  shown = answer;
  performance.mark("habsim:answered");
  view.show({ ...answer, write: (time) => `${day(time, zone())} ${clock(time, zone())}` }, lead || first);
  redraw();
  markOld(stale());
  byId("results").dataset.question = question(answer.state);
  view.drawn().then(() => performance.measure("habsim:drawn", "habsim:answered"));
  if (lead) {
    remember();
    byId("landing-heading").focus({ preventScroll: matchMedia("(min-width: 67rem)").matches });
    say(byId("sentence").textContent);
  }
  showServer("Ready", true);
}

/** Show the answer at hand in the present units and zone. */
function redraw() {
  if (!shown) return;
  const { flown, launches, chosen: launch } = shown;
  const asked = { ...shown.state, units: state.units, zone: state.zone };
  showResults({ flown, state: asked, zone: zone(), question: question(asked), near: around.near(flown) }, {
    draw: () => around.draw(map, flown),
    zoom: () => view.zoom(),
  });
  slider.show(flown.flights, zone(), state.units);
  strip(launches, launch, shown.asked);
  around.detail(flown, asked, () => shown?.flown === flown, redraw);
}

/** Say why there is no answer, and offer what helps. */
function fail(error, asked) {
  restore();
  markOld(shown ? "This is an earlier answer: the new one failed." : null);
  explain(error, asked, which, {
    again: () => run(asked.run),
    launchAt: (timestamp) => {
      change({ timestamp });
      run(asked.run);
    },
    mark: (found) => markProblems(found, true),
  });
  if (error.status === 0 || error.status >= 500) showServer("Trouble", false);
}

/** Look at the forecast now and then; say when a newer one than the answer's is there. */
async function lookAtForecast() {
  try {
    which = await ask("/sim/which");
  } catch (error) {
    if (which === null) fail(error, state);
    return;
  }
  showForecast(which);
  showServer("Ready", true);
  const newer = shown !== null && shown.flown.gefs !== which.gefs;
  keep("newer", newer, "information", `The answer shown is of ${newer ? cycleName(shown.flown.gefs) : ""}; that of ${cycleName(which.gefs)} is here.`, {
    strong: "Newer forecast.",
    action: ["Run again", () => run(state.run)],
  });
}

function greet() {
  const linked = new URLSearchParams(location.search).get("gefs");
  if (linked && which && linked !== which.gefs && /^\d{10}$/.test(linked)) {
    notify("link", "information", `This link was made with the forecast of ${cycleName(linked)}; here it is answered with the newest, ${cycleName(which.gefs)}.`);
  }
  if (opened.unread.length) notify("unread", "warning", `The address says nothing usable for ${opened.unread.join(", ")}; the usual values stand in.`);
  if (opened.asks) run(state.run);
}

offerMembers(config.members);
form.show(state, around.zone());
showCount();
view.setLaunch(state, true);
watchConnection();
byId("log-out").hidden = !config.password;
wirePlaces((place, town) => {
  around.called(town);
  change(place);
  view.setLaunch(state, true);
}, (sentence) => markProblems({ lat: sentence }, false), () => form.show(state, around.zone()));
wirePresets(() => toAddress({ ...state, timestamp: NaN }), (address) => {
  change({ ...fromAddress(address, state, now()).state, timestamp: state.timestamp });
  run(state.run);
}, say);
byId("copy-link").addEventListener("click", (event) => {
  copy(location.origin + location.pathname + toAddress(state, shown?.flown.gefs) + location.hash, event.currentTarget, say);
});
byId("copy-curl").addEventListener("click", (event) => copy(byId("curl").textContent, event.currentTarget, say));
byId("units").addEventListener("click", () => {
  change({ units: SYSTEMS.find((system) => system !== state.units) });
  save(UNITS, state.units);
});
document.documentElement.dataset.ready = "true";
performance.mark("habsim:ready");
look();
map.then(use);

/** Draw on that map from now on, or say that there is none. */
function use(found) {
  document.documentElement.dataset.map = found ? "drawn" : "none";
  performance.mark("habsim:map");
  byId("layers").hidden = found === null;
  if (found === null) return;
  offerLayers(found);
  view.use(found);
}

await lookAtForecast();
greet();
setInterval(lookAtForecast, LOOK);
