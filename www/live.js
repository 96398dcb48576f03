/** The ensemble that follows: of many changes the newest is answered, one question at a time. */

import { ask, stopped } from "./api.js";

const OVERDUE = 1500; // ms after which a question gives way to a newer one

/**
 * Return what follows changes.
 *
 * `answered` is called with (question, answer), `failed` with (question, error); neither for a question that gave
 * way to a newer one.
 */
export function follower(answered, failed) {
  let wanted = null;
  let current = null;

  async function work() {
    while (wanted !== null) {
      const question = wanted;
      wanted = null;
      current = new AbortController();
      const overdue = setInterval(() => wanted !== null && current.abort(), OVERDUE);
      try {
        answered(question, await ask(question.address, current.signal));
      } catch (error) {
        if (!stopped(error)) failed(question, error);
      } finally {
        clearInterval(overdue);
      }
    }
    current = null;
  }

  return {
    /** Have `question`, an object with an `address`, answered as soon as can be. */
    want(question) {
      const idle = wanted === null && current === null;
      wanted = question;
      if (idle) work();
    },
    /** Forget what is wanted and under way. */
    stop() {
      wanted = null;
      current?.abort();
    },
    /** Whether an answer is to come. */
    busy: () => current !== null,
  };
}
