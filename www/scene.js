/** What the map shows: the launch, paths, landings, areas, heat, where the balloons are now. */

import { areaShapes, balloons, bounds, landingBounds, landingPoints, launchLabels, pathLines } from "./paths.js";

/** Return what draws on `map`, which may come later: until then, and without one, nothing is drawn. */
export function scene() {
  let map = null;
  let last = null;
  let launch = null;
  let now = []; // where the balloons are

  /** Draw all that was flown; of a window, the chosen launch and the landing of each. */
  function draw() {
    if (!map || !last) return;
    const { flown, launches, chosen, write } = last;
    map.setLayer("paths", pathLines(flown.flights));
    map.setLayer("landings", landingPoints(flown));
    map.setLayer("areas", areaShapes(flown));
    map.setHeat(flown.facts ? flown.facts.density : null);
    map.setLayer("launches", launchLabels(launches ?? [], chosen, write));
  }

  /** Look at all that was flown. */
  function fit() {
    if (!map || !last) return;
    map.fit(bounds(last.launches ? last.launches.flatMap(({ flown }) => flown ?? []) : [last.flown]));
  }

  return {
    /** Draw on `found` from now on. */
    use(found) {
      map = found;
      if (launch) map.setLaunch(launch);
      fit();
      draw();
      this.showBalloons(now);
    },
    /** Put the pin at {lat, lon}; `look` moves the map there. */
    setLaunch(place, look = false) {
      launch = place;
      map?.setLaunch(place);
      if (look && map && !last) map.show(place);
    },
    /** Draw `shown`, {flown, launches, chosen, write}; `look` has the map show all of it. */
    show(shown, look) {
      last = shown;
      if (look) fit(); // first, so that shapes are cut into tiles once
      draw();
    },
    /** Return when what was shown is on the screen. */
    drawn: async () => map?.drawn(),
    /** Look at the landings only. */
    zoom() {
      if (last) map?.fit(landingBounds(last.flown));
    },
    /** Draw the balloons at their places. */
    showBalloons(places) {
      now = places;
      map?.setLayer("balloons", balloons(places));
    },
  };
}
