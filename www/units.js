/**
 * Metric and imperial: inside, everything is metres, m/s and km²; here it becomes what people read and type.
 */

const FOOT = 0.3048; // m, exactly
const MILE = 1609.344; // m, exactly

/** Per quantity and system: what it is called, how many house units one is, and how many decimals to show. */
const UNITS = {
  metric: {
    altitude: { name: "m", size: 1, decimals: 1 },
    rate: { name: "m/s", size: 1, decimals: 2 },
    wind: { name: "m/s", size: 1, decimals: 1 },
    distance: { name: "km", size: 1000, decimals: 1 },
    area: { name: "km²", size: 1, decimals: 1 },
  },
  imperial: {
    altitude: { name: "ft", size: FOOT, decimals: 0 },
    rate: { name: "ft/min", size: FOOT / 60, decimals: 0 },
    wind: { name: "mph", size: MILE / 3600, decimals: 1 },
    distance: { name: "mi", size: MILE, decimals: 1 },
    area: { name: "mi²", size: (MILE / 1000) ** 2, decimals: 1 },
  },
};

export const SYSTEMS = Object.keys(UNITS);

/** Return what a quantity's unit is called. */
export const unitName = (quantity, system) => UNITS[system][quantity].name;

/** Return `value` in house units as a number of the system's units. */
export const shown = (value, quantity, system) => value / UNITS[system][quantity].size;

/** Return a number of the system's units in house units. */
export const house = (number, quantity, system) => number * UNITS[system][quantity].size;

/** Return `value` (house units) as text for an input, as short as its decimals allow. */
export function typed(value, quantity, system) {
  const { decimals } = UNITS[system][quantity];
  return String(Number(shown(value, quantity, system).toFixed(decimals)));
}

/** Return a plain number with thin spaces between its thousands. */
export function grouped(number, decimals = 0) {
  const [whole, rest] = Math.abs(number).toFixed(decimals).split(".");
  const sign = number < 0 && Number(number.toFixed(decimals)) !== 0 ? "−" : "";
  const spaced = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
  return sign + spaced + (rest ? `.${rest}` : "");
}

/** Return `value` (house units) with its unit, to three figures or whole. */
export function measure(value, quantity, system) {
  const number = shown(value, quantity, system);
  const decimals = Math.abs(number) >= 100 || quantity === "altitude" ? 0 : Math.abs(number) >= 10 ? 1 : 2;
  return `${grouped(number, decimals)}\u00a0${unitName(quantity, system)}`;
}

/** Return a share (0 to 1) as a percentage; a few in a thousand do not become none. */
export function percent(share) {
  if (share > 0 && share < 0.01) return `${(100 * share).toFixed(1)}\u00a0%`;
  if (share > 0.99 && share < 1) return `${(Math.floor(1000 * share) / 10).toFixed(1)}\u00a0%`;
  return `${Math.round(100 * share)}\u00a0%`;
}

/** Return a duration in seconds as "2 h 54 min". */
export function duration(seconds) {
  const minutes = Math.round(Math.abs(seconds) / 60);
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}\u00a0h ${minutes % 60}\u00a0min` : `${minutes}\u00a0min`;
}

/** Return an age in seconds, as roughly as people say it: "40 min", "11 h", "5 days". */
export function age(seconds) {
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u00a0min`;
  return seconds < 3 * 86400 ? `${Math.round(seconds / 3600)}\u00a0h` : `${Math.round(seconds / 86400)}\u00a0days`;
}
