// The picture and where people point on it: clicks and boxes become pixels of the film.

import { COLOURS, drawBox, drawCross, drawPoint } from "./marks.js";

const DRAG_PX = 6;
const CROSS_PX = 10;

export class PickStage {
  #size = null; // [width, height] of the film's frames
  #press = null;
  #cross = null;
  #prompts = [];
  negative = false;

  /**
   * @param act { point([x, y], on), box([x0, y0, x1, y1]) }, in pixels of the film
   */
  constructor(element, picture, canvas, act) {
    Object.assign(this, { element, picture, canvas, act });
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("blur", () => this.#moveCross(null));
    element.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(element);
  }

  set frameSize(size) {
    this.#size = size;
    this.#draw();
  }

  /** Shows a picture; its size may be smaller than the film's. */
  show(bitmap) {
    const { picture } = this;
    if (picture.width !== bitmap.width || picture.height !== bitmap.height) {
      Object.assign(picture, { width: bitmap.width, height: bitmap.height });
    }
    picture.getContext("2d").drawImage(bitmap, 0, 0);
  }

  /** Marks the prompts of the frame: [{ points, labels, box, colour, selected }]. */
  mark(prompts) {
    this.#prompts = prompts;
    this.#draw();
  }

  /** Gives up a drag or the cross; true where there was one. */
  cancel() {
    const had = this.#press !== null || this.#cross !== null;
    this.#press = null;
    this.#moveCross(null);
    return had;
  }

  /** The picture's rectangle inside the stage, in CSS pixels. */
  #rect() {
    if (!this.#size) return null;
    const box = this.element.getBoundingClientRect();
    const [width, height] = this.#size;
    const scale = Math.min(box.width / width, box.height / height);
    const [w, h] = [width * scale, height * scale];
    return { left: box.left + (box.width - w) / 2, top: box.top + (box.height - h) / 2, width: w, height: h, scale };
  }

  /** Client coordinates to pixels of the film; null outside of the picture unless `clamp`. */
  #toFilm(x, y, clamp = false) {
    const rect = this.#rect();
    if (!rect) return null;
    const [width, height] = this.#size;
    const [u, v] = [(x - rect.left) / rect.scale, (y - rect.top) / rect.scale];
    if (!clamp && (u < 0 || v < 0 || u > width || v > height)) return null;
    const inside = (value, limit) => Math.round(Math.min(Math.max(value, 0), limit - 0.5) * 100) / 100;
    return [inside(u, width), inside(v, height)];
  }

  #toClient([x, y]) {
    const rect = this.#rect();
    return [rect.left + x * rect.scale, rect.top + y * rect.scale];
  }

  #down(event) {
    if (event.button !== 0 || this.#press || !this.#toFilm(event.clientX, event.clientY)) return;
    this.element.setPointerCapture(event.pointerId);
    const place = [event.clientX, event.clientY];
    this.#press = { id: event.pointerId, from: place, to: place };
  }

  #move(event) {
    if (this.#press?.id !== event.pointerId) return;
    this.#press.to = [event.clientX, event.clientY];
    this.#draw();
  }

  #up(event) {
    if (this.#press?.id !== event.pointerId) return;
    const { from, to } = this.#press;
    this.#press = null;
    this.#draw();
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < DRAG_PX) return this.#point(from, event);
    const [[ax, ay], [bx, by]] = [this.#toFilm(...from, true), this.#toFilm(...to, true)];
    const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
    if (box[0] < box[2] && box[1] < box[3]) this.act.box(box);
  }

  #point(place, event) {
    const point = this.#toFilm(...place);
    if (point) this.act.point(point, this.negative === (event.shiftKey || event.altKey));
  }

  #key(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey) return;
    const moves = { a: [-1, 0], d: [1, 0], w: [0, -1], s: [0, 1] };
    const name = event.key.toLowerCase();
    const rect = this.#rect();
    if (!rect) return;
    if (name in moves) {
      const [x, y] = this.#cross ?? [rect.left + rect.width / 2, rect.top + rect.height / 2];
      const [dx, dy] = moves[name].map((value) => value * (event.shiftKey ? 1 : CROSS_PX));
      const inside = (value, from, length) => Math.min(Math.max(value, from + 1), from + length - 1);
      this.#moveCross([inside(x + dx, rect.left, rect.width), inside(y + dy, rect.top, rect.height)]);
    } else if (event.key === "Enter" && this.#cross) {
      this.#point(this.#cross, event);
    } else {
      return;
    }
    event.preventDefault();
  }

  #moveCross(place) {
    this.#cross = place;
    this.#draw();
  }

  #draw() {
    const box = this.element.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, -box.left * ratio, -box.top * ratio);
    pen.clearRect(box.left, box.top, box.width, box.height);
    pen.lineCap = "round";
    if (this.#size) for (const prompt of this.#prompts) this.#drawPrompt(pen, prompt);
    if (this.#press) {
      const { from, to } = this.#press;
      if (Math.hypot(to[0] - from[0], to[1] - from[1]) >= DRAG_PX) drawBox(pen, from, to, COLOURS.box);
    }
    if (this.#cross) drawCross(pen, this.#cross);
  }

  #drawPrompt(pen, { points, labels, box, colour, selected }) {
    pen.globalAlpha = selected ? 1 : 0.55;
    if (box) drawBox(pen, this.#toClient(box.slice(0, 2)), this.#toClient(box.slice(2)), colour);
    points.forEach((point, i) => {
      const [mark, negative] = labels[i] ? [COLOURS.positive, false] : [COLOURS.negative, true];
      drawPoint(pen, this.#toClient(point), mark, negative, Infinity);
    });
    pen.globalAlpha = 1;
  }
}
