// The follow view: a crop that stays on one object, a stream of its own beside the large picture.

import { ApiError, imageAddress } from "./api.js";
import { nameOf, sentence, text } from "./strings.js";
import { Backoff, sleep } from "./time.js";
import { WhepConnection } from "./whep.js";

const $ = (id) => document.getElementById(id);
const NOBODY = { picture: () => {}, shapes: () => {} };

export class FollowView {
  #shown = null; // { id, leave }

  /** @param changed (): another object is followed so, or none */
  constructor(changed) {
    this.changed = changed;
    $("follow-close").onclick = () => this.close();
  }

  /** The object that is followed so; null where none is. */
  get id() {
    return this.#shown?.id ?? null;
  }

  toggle(path, id, label) {
    const same = this.id === id;
    this.close();
    if (!same) this.#open(path, id, label);
  }

  close() {
    this.#shown?.leave.abort();
    this.#shown = null;
    $("follow-view").hidden = true;
    $("follow-video").srcObject = null;
    this.changed();
  }

  #open(path, id, label) {
    const leave = new AbortController();
    this.#shown = { id, leave };
    $("follow-view").hidden = false;
    $("follow-link").href = imageAddress(`${path}/follow/${id}`);
    $("follow-text").textContent = text("followOf", { object: nameOf(id, label) });
    this.#play(path, id, leave.signal);
    this.changed();
  }

  /** Again and again until it is closed, or the object is not followed any more. */
  async #play(path, id, signal) {
    const backoff = new Backoff(300, 4000);
    while (!signal.aborted) {
      const connection = new WhepConnection($("follow-video"), false, NOBODY);
      const end = () => connection.close();
      signal.addEventListener("abort", end, { once: true });
      let waitMs = 0;
      try {
        await connection.open(`${path}/whep?view=follow:${id}`);
        backoff.reset();
        await connection.broken;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError) {
          $("follow-text").textContent = sentence(error);
          if (error.status === 404) return;
          waitMs = error.retryAfterS * 1000;
        }
      } finally {
        signal.removeEventListener("abort", end);
        connection.close();
      }
      await sleep(backoff.next(waitMs), signal);
    }
  }
}
