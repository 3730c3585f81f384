// The masks beside a film: read from its side file, drawn over the picture that is shown.

import { download, send } from "./api.js";
import { paintMask } from "./rle.js";

const TICKS_PER_S = 90_000;
const STALE_TICKS = 0.2 * TICKS_PER_S; // what was longer ago has moved since
const EARLY_TICKS = 0.005 * TICKS_PER_S; // browsers round times

let colours = null;

/** The objects' colours, as everywhere else. */
async function palette() {
  colours ??= await send("GET", "/web/palette.json");
  return colours;
}

/** Every whole line of a side file, by time; a frame that was corrected counts as it was corrected. */
export function parseMasks(words) {
  const byTime = new Map();
  const whole = words.slice(0, words.lastIndexOf("\n") + 1);
  for (const line of whole.split("\n").slice(1)) {
    try {
      const told = JSON.parse(line);
      byTime.set(told.pts, told);
    } catch {
      // The end of what was being written.
    }
  }
  return [...byTime.values()].sort((one, other) => one.pts - other.pts);
}

export class Masks {
  #lines = [];
  #of = null;

  constructor(video, canvas) {
    this.video = video;
    this.canvas = canvas;
    this.shown = true;
  }

  /** Reads the side file at an address; null forgets. */
  async load(path) {
    this.#of = path;
    this.#lines = [];
    this.clear();
    if (path === null) return;
    const [file] = await Promise.all([download(path), palette()]);
    const lines = parseMasks(await file.text());
    if (this.#of === path) this.#lines = lines;
  }

  /** The line of a time in seconds: that of the picture, or of the newest tracked one before it. */
  at(seconds) {
    const found = this.#lines[this.#place(seconds)];
    return found !== undefined && seconds * TICKS_PER_S - found.pts <= STALE_TICKS ? found : null;
  }

  /** The time in seconds of the tracked picture after a time, or before it; null where there is none. */
  beside(seconds, step) {
    const found = this.#lines[this.#place(seconds) + step];
    return found === undefined ? null : found.pts / TICKS_PER_S;
  }

  /** Which line is the newest at a time; -1 before the first. */
  #place(seconds) {
    const moment = seconds * TICKS_PER_S + EARLY_TICKS;
    let [low, high] = [0, this.#lines.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle].pts <= moment) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  clear() {
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Draws what belongs to the picture of a time. */
  draw(seconds) {
    const { video, canvas } = this;
    if (canvas.width !== video.videoWidth || canvas.height !== video.videoHeight) {
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    }
    this.clear();
    const line = this.shown ? this.at(seconds) : null;
    canvas.dataset.frame = line?.frame ?? "";
    if (line === null || colours === null) return;
    const pen = canvas.getContext("2d");
    for (const item of line.objects) if (item.box[2] > item.box[0]) this.#drawObject(pen, item);
  }

  #drawObject(pen, { id, label, box, rle }) {
    const colour = colours[id % colours.length];
    const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
    const [scaleX, scaleY] = [this.canvas.width / rle.size[1], this.canvas.height / rle.size[0]];
    const [x, y] = [box[0] * scaleX, box[1] * scaleY];
    pen.globalAlpha = 0.5;
    pen.drawImage(paintMask({ mask: rle, box }, rgb), x, y, (box[2] - box[0]) * scaleX, (box[3] - box[1]) * scaleY);
    pen.globalAlpha = 1;
    const size = Math.min(26, Math.max(11, Math.round(this.canvas.height / 28)));
    pen.font = `600 ${size}px system-ui, "DejaVu Sans", sans-serif`;
    pen.lineWidth = 3;
    pen.strokeStyle = "rgb(8 10 14 / .8)";
    pen.fillStyle = colour;
    const words = `${id} ${label}`.trimEnd();
    const foot = Math.max(size, y - 4);
    pen.strokeText(words, x, foot);
    pen.fillText(words, x, foot);
  }
}
