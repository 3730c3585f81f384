// Plays recordings one after the other, as if they were one film that knows what time it is.

import { imageAddress, send } from "./api.js";
import { Masks } from "./timeline-masks.js";

const AROUND_MS = 6 * 3_600_000;
const GROWS_MS = 1500; // a film that is being written gets a fragment a second
const JOINS_MS = 3000;
const PICTURE_S = 1 / 25; // where nobody knows better
const INTO_S = 0.002;

const addressOf = ({ stream, name }) => `/recordings/${encodeURIComponent(stream)}/${encodeURIComponent(name)}`;

export class Player {
  #recording = null;
  #wanted = 0;
  #growing = null;

  /**
   * @param onMoment (ms) whenever another picture is shown
   * @param onNothing called where nothing is recorded, onBroken where the browser cannot play it
   */
  constructor(video, canvas, { onMoment, onNothing, onBroken }) {
    this.video = video;
    this.masks = new Masks(video, canvas);
    this.film = "clean";
    this.stream = null;
    Object.assign(this, { onMoment, onNothing, onBroken });
    video.addEventListener("ended", () => this.#goOn());
    video.addEventListener("error", () => video.getAttribute("src") && this.onBroken(this.#recording));
    video.addEventListener("seeked", () => this.#show(video.currentTime));
    this.#follow();
  }

  /** The moment that is shown, in ms since 1970; null where there is none. */
  get moment() {
    return this.#recording && this.#recording.begun_ms + this.video.currentTime * 1000;
  }

  get playing() {
    return this.#recording !== null && !this.video.paused;
  }

  /** Shows a moment of a stream; goes on playing where it did. */
  async go(stream, ms, { play = this.playing } = {}) {
    const wish = ++this.#wanted;
    clearTimeout(this.#growing);
    const here = this.#recording;
    let found = here?.stream === stream && ms >= here.begun_ms && ms < here.ended_ms ? here : null;
    if (found === null) {
      const query = new URLSearchParams({ from_ms: Math.max(0, Math.floor(ms)), to_ms: Math.floor(ms + AROUND_MS), limit: 2 });
      const near = await send("GET", `/recordings/${encodeURIComponent(stream)}?${query}`);
      if (wish !== this.#wanted) return;
      found = near.find((one) => one.ended_ms > ms && one.begun_ms <= ms + JOINS_MS) ?? null;
    }
    this.stream = stream;
    if (found === null) return this.#leave();
    await this.#open(found, Math.max(0, (ms - found.begun_ms) / 1000), play);
  }

  /** Shows the clean film or the annotated one from the same moment on. */
  async choose(film) {
    this.film = film;
    const [recording, at] = [this.#recording, this.video.currentTime];
    if (recording === null) return;
    this.#recording = null;
    await this.#open(recording, at, !this.video.paused);
  }

  toggle() {
    if (this.#recording === null) return;
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
  }

  /** Moves by so many seconds, over the ends of recordings too. */
  step(seconds) {
    if (this.#recording === null) return;
    this.go(this.stream, this.moment + seconds * 1000).catch(() => {});
  }

  /** Shows the picture after this one (1) or before it (-1): the tracked one, where there are masks. */
  stepPicture(step) {
    if (this.#recording === null) return;
    this.video.pause();
    const beside = this.masks.beside(this.video.currentTime, step);
    // A little into the picture: its very beginning may be rounded to the one before.
    if (beside === null) this.step(step * PICTURE_S);
    else this.video.currentTime = beside + INTO_S;
  }

  redraw() {
    this.#show(this.video.currentTime);
  }

  async #open(recording, seconds, play) {
    const { video } = this;
    if (this.#recording?.name !== recording.name || this.#recording.ended_ms !== recording.ended_ms) {
      this.#recording = recording;
      const film = recording.films.includes(this.film) ? this.film : recording.films[0];
      video.src = imageAddress(`${addressOf(recording)}/${film}.mp4`);
      const hasMasks = recording.has_masks && film === "clean";
      this.masks.load(hasMasks ? `${addressOf(recording)}/masks.jsonl` : null).then(() => this.redraw(), () => {});
    }
    video.currentTime = Math.min(seconds, Math.max(0, (recording.ended_ms - recording.begun_ms) / 1000 - 0.02));
    this.onMoment(recording.begun_ms + seconds * 1000);
    if (play) await video.play().catch(() => {});
    else video.pause();
  }

  #leave() {
    this.#recording = null;
    this.video.removeAttribute("src");
    this.video.load();
    this.masks.load(null);
    this.onNothing();
  }

  /** The film has ended: it may have grown, or another one follows. */
  #goOn() {
    const ended = this.#recording;
    if (ended === null) return;
    this.go(this.stream, ended.ended_ms + 1, { play: true }).catch(() => {});
    if (!ended.is_open) return;
    this.#growing = setTimeout(() => this.go(this.stream, ended.ended_ms + 1, { play: true }).catch(() => {}), GROWS_MS);
  }

  #follow() {
    const { video } = this;
    if (video.requestVideoFrameCallback) {
      const next = (_, { mediaTime }) => {
        this.#show(mediaTime);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
    } else {
      video.addEventListener("timeupdate", () => this.#show(video.currentTime));
    }
  }

  #show(seconds) {
    if (this.#recording === null) return;
    this.masks.draw(seconds);
    this.onMoment(this.#recording.begun_ms + seconds * 1000);
  }
}
