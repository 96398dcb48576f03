/** Why there is no answer, in words, with what to do about it. */

import { notify } from "./notices.js";
import { flightLength, nearestInside, toAddress } from "./state.js";
import { moment } from "./zones.js";

/**
 * Show why `asked` was not answered.
 *
 * `which` is the forecast or null; `helps` has `again()`, `launchAt(timestamp)` and `mark({field: sentence})`.
 */
export function explain(error, asked, which, helps) {
  const again = { action: ["Try again", helps.again] };
  const show = (strong, sentence, options = again) => notify("failed", "problem", sentence, { strong, ...options });
  if (error.status === 400) {
    const time = which ? nearestInside(asked.timestamp, which, flightLength(asked)) : null;
    if (time !== null && time !== asked.timestamp) {
      helps.mark({ timestamp: error.message });
      return show("Outside the forecast.", `The nearest launch inside it is ${moment(time, "UTC")}.`, {
        action: ["Launch then", () => helps.launchAt(time)],
      });
    }
    return show("The server refuses this.", error.message, {});
  }
  if (error.status === 403) {
    const next = encodeURIComponent(location.pathname + toAddress(asked));
    return show("Your session has ended.", "Log in again; this flight is kept in the address.", {
      action: ["Log in", () => location.assign(`/login?next=${next}`)],
    });
  }
  if (error.status === 404) return show("The result is gone.", `${error.message} Results are kept for an hour.`);
  if (error.status === 504) return show("It took too long.", error.message);
  if (error.status === 503) return show("The server cannot fly this now.", error.message);
  if (error.status === 0) return show("No answer.", error.message);
  return show("Something is wrong here.", `${error.message} It is in the server's log.`);
}
