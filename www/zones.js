/** Unix seconds as dates and times of a zone, and back; zones are IANA names that `Intl` knows. */

const DAY = 86400;
const formats = new Map();

function format(zone) {
  if (!formats.has(zone)) {
    formats.set(
      zone,
      new Intl.DateTimeFormat("en-GB", {
        timeZone: zone, hourCycle: "h23",
        year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
      }),
    );
  }
  return formats.get(zone);
}

/** Return whether this browser knows `zone`. */
export function known(zone) {
  try {
    return Boolean(format(zone));
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Return the zone of this device. */
export const deviceZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

function parts(unix, zone) {
  const found = Object.fromEntries(format(zone).formatToParts(unix * 1000).map(({ type, value }) => [type, value]));
  return found;
}

/** Return how far `zone` is ahead of UTC at `unix`, in seconds. */
export function offset(unix, zone) {
  const p = parts(unix, zone);
  const wall = Date.UTC(Number(p.year), Number(p.month) - 1, Number(p.day), Number(p.hour), Number(p.minute), Number(p.second));
  return wall / 1000 - Math.floor(unix);
}

/** Return the date ("2026-11-24") and time ("10:00") that clocks of `zone` show at `unix`. */
export function wall(unix, zone) {
  const p = parts(unix, zone);
  return { date: `${p.year}-${p.month}-${p.day}`, time: `${p.hour}:${p.minute}` };
}

/**
 * Return when clocks of `zone` show that date and time, or null if that is no date.
 *
 * Of an hour that happens twice, the first; an hour that is skipped counts from before the change.
 */
export function unixOf(date, time, zone) {
  const naive = Date.parse(`${date}T${time}:00Z`) / 1000;
  if (!Number.isFinite(naive)) return null;
  const early = naive - offset(naive - DAY, zone); // by the offset of the day before
  if (offset(early, zone) === naive - early) return early;
  const late = naive - offset(naive + DAY, zone);
  return offset(late, zone) === naive - late ? late : early;
}

/** Return the zone's distance to UTC at `unix` as "UTC−8" or "UTC+5:30". */
export function offsetName(unix, zone) {
  const minutes = Math.round(offset(unix, zone) / 60);
  if (minutes === 0) return "UTC";
  const rest = Math.abs(minutes) % 60;
  const hours = Math.floor(Math.abs(minutes) / 60);
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

/** Return the time of day in `zone`, "13:06". */
export const clock = (unix, zone) => wall(unix, zone).time;

/** Return the day in `zone`, "Tue 24 Nov". */
export function day(unix, zone) {
  const found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short" });
  return found.format(unix * 1000).replace(",", "");
}

/** Return day, time and zone: "Tue 24 Nov 13:06 (UTC−8)". */
export const moment = (unix, zone) => `${day(unix, zone)} ${clock(unix, zone)} (${offsetName(unix, zone)})`;

/** Return "2026-11-24T18:00Z". */
export const iso = (unix) => new Date(unix * 1000).toISOString().replace(/:00\.000Z$/, "Z").replace(/\.000Z$/, "Z");

/** Return the cycle named YYYYMMDDHH as "22 Nov 12:00 UTC". */
export function cycleName(cycle) {
  const unix = cycleTime(cycle);
  return `${day(unix, "UTC").replace(/^\w+ /, "")} ${clock(unix, "UTC")} UTC`;
}

/** Return when a cycle named YYYYMMDDHH starts, Unix seconds. */
export const cycleTime = (cycle) =>
  Date.UTC(Number(cycle.slice(0, 4)), Number(cycle.slice(4, 6)) - 1, Number(cycle.slice(6, 8)), Number(cycle.slice(8, 10))) / 1000;
