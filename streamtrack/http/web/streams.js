// Which streams the server has, and how each of them stands: asked again and again, sooner where it does not answer.

import { send } from "./api.js";
import { Backoff, Nap } from "./time.js";

const LOOK_MS = 2000;
const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 1000;

export class Streams {
  #nap = new Nap();
  /** What the server said last, as it sends it, in its order. */
  statuses = [];

  /** @param on { told(statuses): on every answer; failed(error) } */
  constructor(on) {
    this.on = on;
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  get names() {
    return this.statuses.map((one) => one.name);
  }

  /** Asks at once, because something may be new. */
  look() {
    this.#nap.wake();
  }

  /** Asks for ever; never throws. */
  async run() {
    const backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    for (;;) {
      let waitMs = LOOK_MS;
      try {
        this.statuses = await send("GET", "/streams");
        backoff.reset();
        this.on.told(this.statuses);
      } catch (error) {
        waitMs = backoff.next();
        this.on.failed(error);
      }
      if (!this.statuses.length) waitMs = Math.min(waitMs, LONGEST_WAIT_MS);
      await this.#nap.sleep(document.hidden ? LOOK_MS * 5 : waitMs);
    }
  }
}
