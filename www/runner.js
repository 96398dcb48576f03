/** Runs that people ask for by a button: progress with Cancel, retries while the server asks for it, what failed. */

import { ask, follow, pause, stopped } from "./api.js";
import { byId } from "./dom.js";
import { ensemble, single } from "./flown.js";
import { say } from "./notices.js";
import { question } from "./state.js";
import { fly } from "./window.js";

const RETRIES = 3; // while the server asks to come back
const SHOWN_AFTER = 250; // ms, so that quick answers do not flicker
const SPOKEN_EVERY = 5000; // ms

/** Return what starts runs, one at a time. */
export function runner() {
  let controller = null;
  let cancelled = null; // the controller of the run that somebody cancelled
  let spoken = 0;

  byId("cancel").addEventListener("click", () => {
    cancelled = controller;
    controller?.abort();
  });

  function tell(text, completed, total) {
    byId("progress-text").textContent = text;
    const bar = byId("progress-bar");
    if (total) {
      bar.max = total;
      bar.value = completed;
    } else bar.removeAttribute("value");
    if (Date.now() - spoken > SPOKEN_EVERY && !byId("progress").hidden) {
      spoken = Date.now();
      say(text);
    }
  }

  function told({ completed, total, status, how }) {
    const aside = how === "poll" ? " (no live stream: looking every second)" : "";
    if (status === "loading" && completed === 0) return tell(`Loading winds, or waiting for a free place…${aside}`);
    return tell(`Simulating: ${completed} of ${total} flights done${aside}`, completed, total);
  }

  /** Return what `work` does; while the server asks to come back, wait as long as it says and try again. */
  async function patiently(work, signal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (error.status !== 503 || !error.retryAfter || attempt > RETRIES) throw error;
        for (let left = Math.ceil(error.retryAfter); left > 0; left -= 1) {
          tell(`Not now: ${error.message} Trying again in ${left} s (${attempt} of ${RETRIES}).`);
          await pause(1000, signal);
        }
      }
    }
  }

  /**
   * Return what `state` asks for, {flown} or {launches}; {cancelled} if somebody cancelled, null if something else is asked.
   *
   * `which` names the forecast; `came` is called with the launches of a window as they are answered.
   */
  async function run(state, which, came) {
    controller?.abort();
    controller = new AbortController();
    const mine = controller;
    const { signal } = mine;
    const show = setTimeout(() => (byId("progress").hidden = false), SHOWN_AFTER);
    document.body.setAttribute("aria-busy", "true");
    tell("Asking the server…");
    try {
      if (state.run === "multi") {
        const showing = (launches) => {
          const done = launches.filter(({ flown, error }) => flown || error).length;
          tell(`${done} of ${launches.length} launches done`, done, launches.length);
          came(launches);
        };
        return { launches: await patiently(() => fly(state, showing, signal), signal) };
      }
      if (state.run === "single") {
        return { flown: single(await patiently(() => ask(question(state), signal), signal), state.model, which) };
      }
      return { flown: ensemble(await patiently(() => follow(question(state), told, signal), signal)) };
    } catch (error) {
      if (!stopped(error)) throw error;
      return mine === cancelled ? { cancelled: true } : null;
    } finally {
      clearTimeout(show);
      if (mine === controller) {
        byId("progress").hidden = true;
        document.body.removeAttribute("aria-busy");
        controller = null;
      }
    }
  }

  return { run, stop: () => controller?.abort(), busy: () => controller !== null };
}
