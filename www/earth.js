/** Places on the sphere: how people write them, and what lies between two of them. */

const RADIUS = 6371009; // m, as the flights use
const DEGREE = Math.PI / 180;
const WINDS = [
  "north", "north-north-east", "north-east", "east-north-east", "east", "east-south-east", "south-east",
  "south-south-east", "south", "south-south-west", "south-west", "west-south-west", "west", "west-north-west",
  "north-west", "north-north-west",
];

/** Return the distance in metres (haversine) from one {lat, lon} to another. */
export function distance(from, to) {
  const dLat = (to.lat - from.lat) * DEGREE;
  const dLon = (to.lon - from.lon) * DEGREE;
  const a = Math.sin(dLat / 2) ** 2 + Math.cos(from.lat * DEGREE) * Math.cos(to.lat * DEGREE) * Math.sin(dLon / 2) ** 2;
  return 2 * RADIUS * Math.asin(Math.min(1, Math.sqrt(a)));
}

/** Return the direction in degrees, clockwise from north, in which one sets out from one place to another. */
export function bearing(from, to) {
  const dLon = (to.lon - from.lon) * DEGREE;
  const y = Math.sin(dLon) * Math.cos(to.lat * DEGREE);
  const x =
    Math.cos(from.lat * DEGREE) * Math.sin(to.lat * DEGREE) -
    Math.sin(from.lat * DEGREE) * Math.cos(to.lat * DEGREE) * Math.cos(dLon);
  return (Math.atan2(y, x) / DEGREE + 360) % 360;
}

/** Return a direction as one of sixteen words. */
export const wind = (degrees) => WINDS[Math.round(degrees / 22.5) % 16];

/** Return a longitude in [-180, 180). */
export const wrapped = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;

/** Return `lon` shifted by whole turns to be within half a turn of `near`, so that lines do not jump. */
export const unwrapped = (lon, near) => lon - 360 * Math.round((lon - near) / 360);

/** Return a place as decimal degrees. */
export const decimal = ({ lat, lon }, digits = 4) => `${lat.toFixed(digits)}, ${lon.toFixed(digits)}`;

/** Return a place as degrees, minutes and seconds. */
export const sexagesimal = ({ lat, lon }) => `${dms(lat, "N", "S")} ${dms(lon, "E", "W")}`;

function dms(value, positive, negative) {
  const seconds = Math.round(Math.abs(value) * 36000) / 10;
  const [d, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  return `${d}°${String(m).padStart(2, "0")}′${s.toFixed(1).padStart(4, "0")}″${value < 0 ? negative : positive}`;
}

const ANGLE = /^\s*([NSEW])?\s*([-+−]?)\s*(\d+(?:\.\d+)?)\s*°?\s*(?:(\d+(?:\.\d+)?)\s*[′'’]?\s*)?(?:(\d+(?:\.\d+)?)\s*(?:[″"”]|'')?\s*)?([NSEW])?\s*$/i;

/** Return the degrees of one written angle and its hemisphere's letter, or null. */
function angle(text) {
  const found = ANGLE.exec(text);
  if (!found) return null;
  const [, before, sign, degrees, minutes = "0", seconds = "0", after] = found;
  if ((before && after) || (sign && (before || after))) return null;
  if (Number(minutes) >= 60 || Number(seconds) >= 60) return null;
  const letter = (before || after || "").toUpperCase();
  const size = Number(degrees) + Number(minutes) / 60 + Number(seconds) / 3600;
  const negative = sign === "-" || sign === "−" || letter === "S" || letter === "W";
  return { value: negative ? -size : size, letter };
}

/** Return the ways to cut a text into two angles. */
function halves(text) {
  for (const separator of [/[;,]\s*/, /(?<=[NSEW])\s+(?=[^NSEW])/i, /\s+(?=[NSEW])/i]) {
    const cut = text.split(separator);
    if (cut.length === 2) return cut;
  }
  const words = text.split(/\s+/);
  return words.length % 2 ? [] : [words.slice(0, words.length / 2).join(" "), words.slice(words.length / 2).join(" ")];
}

/**
 * Return the place written as two angles, decimal or in minutes and seconds, signed or with N S E W; or null.
 *
 * Latitude first, unless letters say otherwise.
 */
export function place(text) {
  const [first, second] = halves(text.trim()).map(angle);
  if (!first || !second) return null;
  const swapped = "EW".includes(first.letter || "N") || "NS".includes(second.letter || "E");
  const [lat, lon] = swapped ? [second, first] : [first, second];
  if ("EW".includes(lat.letter || "N") || "NS".includes(lon.letter || "E")) return null;
  return Math.abs(lat.value) <= 90 && Math.abs(lon.value) <= 180 ? { lat: lat.value, lon: lon.value } : null;
}
