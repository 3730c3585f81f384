// Waiting, always with an end: by a limit, or because whoever waited has moved on.

/** A wait that came to its limit. */
export class LimitError extends Error {}

/** Waits `ms`; shorter where the signal is aborted. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** The promise's outcome; throws LimitError after `ms`, and the signal's reason where that is aborted before. */
export function within(ms, promise, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => settle(reject, new LimitError(`not within ${ms} ms`)), ms);
    const onAbort = () => settle(reject, signal.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    promise.then(
      (value) => settle(resolve, value),
      (error) => settle(reject, error),
    );
    function settle(how, value) {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      how(value);
    }
  });
}

/** Waits that double up to a limit, with a random share so that many pages do not knock at once. */
export class Backoff {
  constructor(firstMs, limitMs) {
    this.firstMs = firstMs;
    this.limitMs = limitMs;
    this.reset();
  }
  reset() {
    this.nextMs = this.firstMs;
  }
  /** How long to wait this time, in ms; never more than the limit, or `atLeastMs` where that is longer. */
  next(atLeastMs = 0) {
    const ms = Math.min(this.nextMs * (0.75 + 0.5 * Math.random()), this.limitMs);
    this.nextMs = Math.min(this.nextMs * 2, this.limitMs);
    return Math.max(ms, atLeastMs);
  }
}

/** A wait that somebody may cut short. */
export class Nap {
  #wake = () => {};
  /** When it ends, in ms of performance.now(); null while nobody sleeps. */
  until = null;

  async sleep(ms, signal) {
    const short = new AbortController();
    const end = () => short.abort();
    this.#wake = end;
    this.until = performance.now() + ms;
    signal?.addEventListener("abort", end, { once: true });
    if (signal?.aborted) end();
    await sleep(ms, short.signal);
    signal?.removeEventListener("abort", end);
    if (this.#wake === end) this.until = null;
  }
  wake() {
    this.#wake();
  }
}
