// The film's pictures: the newest wanted one is shown, those around it are fetched ahead.

import { download } from "./api.js";

const KEPT = 240; // JPEGs, some tens of megabytes
const AHEAD = 8;

export class Film {
  #kept = new Map();
  #wanted = -1;
  #running = false;
  #direction = 1;

  /**
   * @param onShow (index, bitmap) for each picture, in the order in which they were wanted; the bitmap is then closed
   * @param onError (error) where one cannot be had
   */
  constructor(numFrames, onShow, onError) {
    Object.assign(this, { numFrames, onShow, onError });
  }

  /** The frame that was asked for last. */
  get wanted() {
    return this.#wanted;
  }

  /** Shows a frame as soon as it can be had; frames wanted meanwhile take its place. */
  want(index) {
    const inside = Math.min(Math.max(Math.round(index) || 0, 0), this.numFrames - 1);
    if (inside !== this.#wanted) this.#direction = inside > this.#wanted ? 1 : -1;
    this.#wanted = inside;
    if (!this.#running) this.#run();
    return inside;
  }

  async #run() {
    this.#running = true;
    let shown = -1;
    while (shown !== this.#wanted) {
      const index = this.#wanted;
      try {
        const bitmap = await createImageBitmap(await this.#jpeg(index));
        this.onShow(index, bitmap);
        bitmap.close();
      } catch (error) {
        if (index === this.#wanted) {
          this.onError(error);
          break;
        }
      }
      shown = index;
    }
    this.#running = false;
    this.#fetchAhead(this.#wanted);
  }

  async #fetchAhead(from) {
    for (let step = 1; step <= AHEAD; step += 1) {
      const index = from + step * this.#direction;
      if (index < 0 || index >= this.numFrames) return;
      if (this.#running || this.#wanted !== from) return; // a person has moved on
      try {
        await this.#jpeg(index);
      } catch {
        return; // whoever wants this one is told
      }
    }
  }

  async #jpeg(index) {
    const kept = this.#kept.get(index);
    if (kept !== undefined) return kept;
    const jpeg = await download(`/pick/frames/${index}`);
    this.#kept.set(index, jpeg);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return jpeg;
  }
}
