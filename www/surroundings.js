/** What is asked beside the flights: the zone and ground of a place, the town near it, winds, an area's share. */

import { ApiError, ask, stopped, tell } from "./api.js";
import { byId } from "./dom.js";
import { target } from "./facts.js";
import { say } from "./notices.js";
import { townName } from "./places.js";
import { showGround, showInside, showWinds } from "./results.js";
import { measure, percent } from "./units.js";
import { known } from "./zones.js";

const QUIET = 250; // ms without a newer answer, after which details of one are asked for

/** Return what knows the surroundings of the launch and of the landing. */
export function surroundings() {
  let siteZone = "UTC";
  let looking = null;
  let named = null; // the town that was chosen, if any
  const towns = new WeakMap(); // what was flown -> the name of the town near its landing, or null
  const grounds = new WeakMap(); // what was flown -> the ground's height at its landing, or null
  const columns = new WeakMap(); // what was flown -> the winds over its launch, or null
  let waiting = 0;
  let drawn = null; // the area, a GeoJSON polygon
  let inside = ""; // what is said about it

  const near = ({ lat, lon }) => `lat=${lat}&lon=${lon}`;

  /** Return what `address` gives, or null where that is not known or the question gave way. */
  async function quietly(address, signal) {
    try {
      return await ask(address, signal);
    } catch (error) {
      if (stopped(error) || error instanceof ApiError) return null;
      throw error;
    }
  }

  /** Say `text` about the area, now and whenever the facts are shown anew. */
  function tellInside(text) {
    inside = text;
    showInside(text, drawn !== null);
  }

  return {
    zone: () => siteZone,
    near: (flown) => towns.get(flown) ?? null,
    /** Remember that the launch site is that town, or none. */
    called(town) {
      named = town;
    },

    /** Learn zone, ground and name of the launch site; `learnt` is called when the zone has changed. */
    async look(state, learnt) {
      looking?.abort();
      looking = new AbortController();
      const { signal } = looking;
      const place = near(state);
      const [zone, town, ground] = await Promise.all([
        quietly(`/sim/zone?${place}`, signal),
        named ? null : quietly(`/sim/nearby?${place}`, signal),
        quietly(`/sim/elev?${place}`, signal),
      ]);
      if (signal.aborted) return;
      if (zone && known(zone.zone) && zone.zone !== siteZone) {
        siteZone = zone.zone;
        learnt();
      }
      const found = named ?? town?.places[0];
      byId("place-hint").textContent = `${found ? `${named ? "" : "Near "}${townName(found)}. ` : ""}Click the map or drag the pin to change.`;
      const height = ground ? `The ground is at ${measure(ground.elevation, "altitude", state.units)}. ` : "";
      byId("alt-ground").textContent = `${height}${state.alt === null ? "The launch is on it." : "Empty means on it."}`;
      byId("use-ground").hidden = state.alt === null;
    },

    /** Learn what belongs to an answer, once no newer one comes; `current` says whether it is still shown. */
    detail(flown, state, current, redraw) {
      clearTimeout(waiting);
      const apply = () => {
        if (!flown.facts && grounds.has(flown)) showGround(grounds.get(flown) === null ? "not known" : measure(grounds.get(flown), "altitude", state.units));
        if (columns.get(flown)) showWinds(flown, columns.get(flown), state.units);
        if (flown.facts) tellInside(inside);
      };
      apply();
      if (grounds.has(flown)) return;
      if (drawn) this.share(flown);
      waiting = setTimeout(async () => {
        const point = target(flown);
        const [town, ground, winds] = await Promise.all([
          quietly(`/sim/nearby?${near(point)}`),
          flown.facts ? null : quietly(`/sim/elev?${near(point)}`),
          quietly(`/sim/winds?${near(state)}&timestamp=${state.timestamp}&model=${flown.flights[0].member}`),
        ]);
        towns.set(flown, town?.places[0]?.name ?? null);
        grounds.set(flown, ground?.elevation ?? null);
        columns.set(flown, winds?.levels ?? null);
        if (current()) redraw();
      }, QUIET);
    },

    /** Have people draw an area on the map, or clear the one that is there. */
    async draw(map, flown) {
      const found = await map;
      if (drawn) {
        drawn = null;
        found?.clearDrawing();
        return tellInside("");
      }
      if (!found) return tellInside("There is no map to draw on.");
      tellInside("Click corners, or press Space for one at the map's middle. Enter closes the area, Escape gives it up.");
      const area = await found.draw();
      drawn = area;
      tellInside("");
      return area ? this.share(flown) : undefined;
    },

    /** Show what share of the landings lies in the area. */
    async share(flown) {
      try {
        const { share, landings, of, members, members_of: all } = await tell("/sim/inside", { request_id: flown.id, geometry: drawn });
        const text = `${percent(share)} (${landings} of ${of} landings, from ${members} of ${all} members)`;
        tellInside(text);
        say(`Inside the area: ${text}.`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        tellInside(error.message);
      }
    },
  };
}
