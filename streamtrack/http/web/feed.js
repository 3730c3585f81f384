// The state and the events of one stream, as the server tells them; again and again until it is closed.

import { ApiError, readEvents } from "./api.js";
import { Backoff, Nap } from "./time.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 1000; // a server that is back is seen within two seconds
const SILENT_MS = 900; // it speaks every 300 ms, comments included
const LOOK_MS = 150;

export class Feed {
  #leave = new AbortController();
  #nap = new Nap();
  #heardAt = null;

  /**
   * @param on {
   *   state(status), event(event): as the server sends them;
   *   link({ up, error, nextTryAt }): whether the server is heard, and what went wrong, on every change }
   */
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.link = { up: null, error: null, nextTryAt: null };
    this.#run();
  }

  /** Nothing is called after this. */
  close() {
    this.#leave.abort();
  }

  /** Tries at once where it waits. */
  retryNow() {
    this.#nap.wake();
  }

  async #run() {
    const { signal } = this.#leave;
    const backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    const looking = setInterval(() => this.#noteSilence(), LOOK_MS);
    const tell = (name, data) => {
      if (signal.aborted) return;
      if (name === "state") this.on.state(data);
      else if (name === "event") this.on.event(data);
    };
    while (!signal.aborted) {
      let error = null;
      try {
        await readEvents(this.path, signal, tell, () => {
          backoff.reset();
          this.#heardAt = performance.now();
          this.#setLink(true, null, null);
        });
      } catch (caught) {
        error = caught;
      }
      if (signal.aborted) break;
      this.#heardAt = null;
      const ms = backoff.next(error instanceof ApiError ? error.retryAfterS * 1000 : 0);
      this.#setLink(false, error, performance.now() + ms);
      await this.#nap.sleep(ms, signal);
    }
    clearInterval(looking);
  }

  /** A server that is cut off says no goodbye. It may be slow as well: the connection is kept a while longer. */
  #noteSilence() {
    if (document.hidden || this.#heardAt === null || this.#leave.signal.aborted) return;
    if (performance.now() - this.#heardAt > SILENT_MS) this.#setLink(false, null, null);
  }

  #setLink(up, error, nextTryAt) {
    const old = this.link;
    if (old.up === up && old.error === error && old.nextTryAt === nextTryAt) return;
    this.link = { up, error, nextTryAt };
    this.on.link(this.link);
  }
}
