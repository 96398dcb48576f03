/** What the map shows: the launch, paths, landings, areas, heat, where the balloons are now. */

import { areaShapes, balloons, bounds, landingPoints, launchLabels, pathLines } from "./paths.js";

/** Return what draws on `map`, which may come later: until then, and without one, nothing is drawn. */
export function scene() {
  let map = null;
  let last = null;
  let launch = null;

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

  return {
    /** Draw on `found` from now on. */
    use(found) {
      map = found;
      if (launch) map.setLaunch(launch);
      draw();
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
      draw();
      if (look && map) map.fit(bounds(shown.launches ? shown.launches.flatMap(({ flown }) => flown ?? []) : [shown.flown]));
    },
    /** Draw the balloons at their places. */
    showBalloons(places) {
      map?.setLayer("balloons", balloons(places));
    },
  };
}
