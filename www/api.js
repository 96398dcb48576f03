/** The server as the page sees it: questions, errors that say what to do, progress, cancelling. */

const POLL = 1000; // ms between looks at a run whose stream cannot be had
const PATIENCE = 4000; // ms that a stream may be silent before its first word

/** Why there is no answer: a sentence, the HTTP status (0: the server was not reached), seconds to wait. */
export class ApiError extends Error {
  constructor(message, status, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Return whether `error` only says that somebody asked to stop. */
export const stopped = (error) => error instanceof DOMException && error.name === "AbortError";

/** Return the response to a request that succeeded; raises `ApiError`, and what `signal` says when it aborts. */
async function send(address, options) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "application/json" }, ...options });
  } catch (error) {
    if (stopped(error)) throw error;
    throw new ApiError("The server cannot be reached. Look at your connection and try again; what you typed is kept.", 0);
  }
  if (response.ok) return response;
  const type = response.headers.get("Content-Type") ?? "";
  const text = type.startsWith("application/json") ? (await response.json()).error : "";
  const sentence = text ? text.charAt(0).toUpperCase() + text.slice(1) : `The server answered ${response.status}`;
  throw new ApiError(`${sentence}.`, response.status, Number(response.headers.get("Retry-After")) || null);
}

/** Return the JSON that `address` gives. */
export const ask = async (address, signal) => (await send(address, { signal })).json();

/** Return the JSON that `address` gives for `body`. */
export async function tell(address, body, signal) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  return (await send(address, { method: "POST", headers, body: JSON.stringify(body), signal })).json();
}

/**
 * Return an ensemble's answer, telling its progress meanwhile.
 *
 * `told` is called with {completed, total, status, how}, `how` being "stream" or "poll".  Aborting `signal` stops
 * following the run.
 */
export async function follow(address, told, signal) {
  const response = await send(`${address}&wait=false`, { signal });
  const begun = await response.json();
  if (response.status !== 202) return begun;
  told({ ...begun, how: "stream" });
  if (!(await streamed(begun.progress, told, signal))) await polled(begun.result, told, signal);
  return ask(begun.result, signal);
}

/** Return whether a run's stream told its end; false if the stream cannot be had. */
function streamed(address, told, signal) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(address);
    const over = (settle, value) => {
      clearTimeout(silence);
      source.close();
      signal.removeEventListener("abort", stop);
      settle(value);
    };
    const stop = () => over(reject, signal.reason);
    const silence = setTimeout(() => over(resolve, false), PATIENCE);
    signal.addEventListener("abort", stop);
    source.onmessage = ({ data }) => {
      clearTimeout(silence);
      const state = JSON.parse(data);
      told({ ...state, how: "stream" });
      if (state.status === "complete" || state.status === "error") over(resolve, true);
    };
    source.onerror = () => over(resolve, false);
  });
}

/** Wait for a run by asking for its result now and then; raises why there will be none. */
async function polled(address, told, signal) {
  for (;;) {
    const response = await send(address, { signal });
    if (response.status !== 202) return;
    told({ ...(await response.json()), how: "poll" });
    await pause(POLL, signal);
  }
}

/** Wait; raises what `signal` says when it aborts. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
