/** The top line: which forecast, how the server does, light or dark, log out. */

import { byId } from "./dom.js";
import { keep } from "./notices.js";
import { save, saved } from "./presets.js";
import { age } from "./units.js";
import { cycleName, cycleTime } from "./zones.js";

const THEME = "habsim.theme";
const COARSE = 2; // km, cells from which hills are missed

/** Wire the switch of light and dark; `changed` is called with whether it is dark now. */
export function wireTheme(changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  let chosen = saved(THEME, null);

  function show() {
    const dark = chosen ? chosen === "dark" : system.matches;
    if (chosen) document.documentElement.dataset.theme = chosen;
    document.documentElement.toggleAttribute("data-dark", dark);
    button.textContent = dark ? "Light" : "Dark";
    changed(dark);
    return dark;
  }

  button.addEventListener("click", () => {
    chosen = button.textContent.toLowerCase();
    save(THEME, chosen);
    show();
  });
  system.addEventListener("change", show);
  return show();
}

/** Show the forecast of `which` (an answer of /sim/which), and what must be known about it. */
export function showForecast(which) {
  const old = Date.now() / 1000 - cycleTime(which.gefs);
  byId("forecast").textContent = `Forecast GEFS ${cycleName(which.gefs)}, ${age(Math.max(old, 0))} old`;
  const cell = which.elevation.resolution_m / 1000;
  const coarse = cell > COARSE ? `, a coarse grid: cells of ${cell.toFixed(0)} km` : "";
  byId("source").textContent = `Winds: ${which.source}. Ground: ${which.elevation.source}${coarse}.`;
  keep("demo", which.demo, "warning", "Winds are synthetic: do not plan a flight with this result.", {
    strong: "Demonstration data.",
    lasting: true,
  });
  keep("stale", which.stale, "warning", `It is ${age(old)} old; see whether the downloader runs. Landings drift as it ages.`, {
    strong: "Stale forecast.",
  });
}

/** Show in a word how the server does. */
export function showServer(word, good) {
  const chip = byId("server");
  chip.hidden = false;
  chip.textContent = word;
  chip.classList.toggle("good", good);
}

/** Tell when the connection goes and comes. */
export function watchConnection() {
  const show = () => {
    keep("offline", !navigator.onLine, "warning", "The server may be out of reach; what is shown stays, and a server on this machine still answers.", {
      strong: "No network.",
    });
  };
  addEventListener("online", show);
  addEventListener("offline", show);
  show();
}
