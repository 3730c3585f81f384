// A picture of the last seconds instead of the live one: step by step, or slowly, until it is live again.

import { text } from "./strings.js";

const SPEEDS = [0.5, 0.25];
const $ = (id) => document.getElementById(id);

export class Held {
  #frozen = null; // { pictures: of the moment when it was held, at: index, bitmap }
  #playing = null; // { speed, timer }
  #asked = 0;

  /**
   * @param kept the Kept pictures
   * @param canvas where a held picture is drawn
   * @param on { changed(): another picture is held, or none; notice(words) }
   */
  constructor(kept, canvas, on) {
    Object.assign(this, { kept, canvas, on });
    $("step-back").onclick = () => this.step(-1);
    $("step-on").onclick = () => this.step(1);
    $("slow").onclick = () => this.slow();
    $("to-live").onclick = () => this.live();
    $("when").oninput = () => this.#show(Number($("when").value));
  }

  /** Whether a held picture is on the screen. */
  get active() {
    return this.#frozen?.bitmap != null;
  }

  /** What is held, as Kept has it; null while it is live. */
  get picture() {
    return this.active ? this.#frozen.pictures[this.#frozen.at] : null;
  }

  /** One picture on, or back. */
  step(by) {
    this.#stopPlaying();
    if (this.#frozen === null) {
      if (by > 0) return;
      this.#freeze();
    }
    if (this.#frozen === null) return this.on.notice(text("nothingKept"));
    const to = this.#frozen.at + by;
    if (to >= this.#frozen.pictures.length) return this.live();
    this.#show(Math.max(0, to));
  }

  /** Plays on slowly; more slowly when asked again. From the beginning of what is kept where it was live. */
  slow() {
    if (this.#frozen === null) this.#freeze(0);
    if (this.#frozen === null) return this.on.notice(text("nothingKept"));
    const next = SPEEDS[SPEEDS.indexOf(this.#playing?.speed) + 1];
    this.#stopPlaying();
    if (next === undefined) return this.#tell();
    this.#playing = { speed: next, timer: 0 };
    this.#show(this.#frozen.at);
  }

  live() {
    this.#stopPlaying();
    this.#frozen?.bitmap?.close();
    this.#frozen = null;
    this.#asked += 1;
    this.canvas.hidden = true;
    this.#tell();
  }

  #freeze(at = this.kept.pictures.length - 1) {
    const pictures = [...this.kept.pictures];
    if (pictures.length > 1) this.#frozen = { pictures, at, bitmap: null };
  }

  async #show(at) {
    const frozen = this.#frozen;
    if (frozen === null) return;
    const asked = ++this.#asked;
    const bitmap = await createImageBitmap(frozen.pictures[at].blob);
    if (asked !== this.#asked || this.#frozen !== frozen) return bitmap.close();
    frozen.bitmap?.close();
    Object.assign(frozen, { at, bitmap });
    const { canvas } = this;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    }
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
    this.#tell();
    this.#planNext();
  }

  #planNext() {
    if (this.#playing === null) return;
    const { pictures, at } = this.#frozen;
    if (at + 1 >= pictures.length) return this.live();
    const ms = (pictures[at + 1].at - pictures[at].at) / this.#playing.speed;
    clearTimeout(this.#playing.timer);
    this.#playing.timer = setTimeout(() => this.#playing && this.#show(at + 1), Math.min(ms, 2000));
  }

  #stopPlaying() {
    clearTimeout(this.#playing?.timer);
    this.#playing = null;
  }

  #tell() {
    const { picture } = this;
    $("held-bar").dataset.held = String(picture !== null);
    $("to-live").hidden = picture === null;
    $("when").hidden = picture === null;
    $("when-text").hidden = picture === null;
    const speed = this.#playing?.speed ?? null;
    $("slow").setAttribute("aria-pressed", String(speed !== null));
    $("slow").textContent = text(speed === null ? "slow" : "slowAt", { speed: `1/${1 / (speed ?? 1)}` });
    if (picture !== null) {
      const { pictures, at } = this.#frozen;
      Object.assign($("when"), { max: pictures.length - 1, value: at });
      const seconds = ((pictures.at(-1).at - pictures[at].at) / 1000).toFixed(1);
      $("when-text").textContent = text("heldFor", { seconds });
      $("when").setAttribute("aria-valuetext", text("heldFor", { seconds }));
    }
    this.on.changed();
  }
}
