// Where people point: pointer and keys on the picture become points and boxes in pixels of the frame.

import { Cross } from "./cross.js";
import { COLOURS, drawBox, drawCross, drawMask, drawPoint, drawSelection } from "./marks.js";
import { Touch } from "./touch.js";
import { Zoom } from "./zoom.js";

const DRAG_PX = 6;
const MARK_MS = 900;
const DOUBLE_MS = 450;
const DOUBLE_PX = 12;
const EASE_MS = 60;

export class Stage {
  #selection = null; // { box: where it is drawn, goal: where it belongs, colour }, boxes in pixels of the frame
  #lastClick = { at: -Infinity, x: 0, y: 0 };
  #animating = false;
  #preview = null; // { mask: a canvas, box: where it lies, in pixels of the frame }

  /**
   * @param screen the Screen: what is on the screen
   * @param frameSize () => [width, height] of the stream's frames in pixels, or null
   * @param on {
   *   prompt(prompt, frame): called with {points, labels} or {box}, and a promise of the frame that was on the screen;
   *     returns a promise that settles when the server has answered;
   *   zoomed(): the picture lies elsewhere; hover(point, place): the pointer is at a pixel of the frame, null, null
   *     where it is not }
   */
  constructor(element, canvas, screen, frameSize, on) {
    Object.assign(this, { element, canvas, screen, frameSize, on });
    this.negative = false;
    this.marks = [];
    this.zoom = new Zoom(() => this.#place());
    new Touch(this);
    this.cross = new Cross(this, { click: (place, event) => this.#crossClick(place, event), moved: () => this.#crossMoved() });
    this.press = null;
    this.sketch = null; // a Drawing: while it is active, points are its corners
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("pointerleave", () => on.hover(null, null));
    new ResizeObserver(() => this.#place()).observe(element);
  }

  /** Gives up a drag; true where there was one. */
  cancel() {
    const had = this.press !== null;
    this.press = null;
    this.#draw();
    return had;
  }

  /**
   * Frames the selected object: its box in pixels of the frame and its colour; none with null.
   * @param exact whether the box is that of the very picture on the screen: then nothing is eased
   */
  select(box, colour, exact = false) {
    if (box === null) {
      if (this.#selection === null) return;
      this.#selection = null;
      return this.#draw();
    }
    const same = this.#selection?.colour === colour;
    this.#selection = { box: same && !exact ? this.#selection.box : [...box], goal: box, colour };
    this.#animate();
  }

  /** Draws a mask (a canvas of its box's size) over the picture; none with null. */
  preview(mask, box) {
    this.#preview = mask === null ? null : { mask, box };
    this.#draw();
  }

  /** A pixel of the frame as client coordinates; null where there is no picture. */
  toClient([x, y]) {
    return this.#toClient([x, y, x, y])?.slice(0, 2) ?? null;
  }

  redraw() {
    this.#draw();
  }

  /** Where the picture lies, in client coordinates; null before there is a picture. */
  pictureRect() {
    const rect = this.fitted();
    return rect && this.zoom.place(rect);
  }

  /** Where it would lie if it were not enlarged. */
  fitted() {
    const { width, height } = this.screen.surface;
    if (!width || !height) return null;
    const box = this.element.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    const w = width * scale;
    const h = height * scale;
    return { left: box.left + (box.width - w) / 2, top: box.top + (box.height - h) / 2, width: w, height: h };
  }

  /** Client coordinates to pixels of the frame, kept inside it; null outside of the picture unless `clamp`. */
  #toFrame(x, y, clamp = false) {
    const rect = this.pictureRect();
    const size = this.frameSize();
    if (!rect || !size) return null;
    let u = (x - rect.left) / rect.width;
    let v = (y - rect.top) / rect.height;
    if (!clamp && (u < 0 || v < 0 || u > 1 || v > 1)) return null;
    u = Math.min(Math.max(u, 0), 1);
    v = Math.min(Math.max(v, 0), 1);
    const round = (value, limit) => Math.min(Math.round(value * 100) / 100, limit - 0.5);
    return [round(u * size[0], size[0]), round(v * size[1], size[1])];
  }

  /** A box in pixels of the frame to client coordinates; null where there is no picture. */
  #toClient([x0, y0, x1, y1]) {
    const rect = this.pictureRect();
    const size = this.frameSize();
    if (!rect || !size) return null;
    const across = (x) => rect.left + (x / size[0]) * rect.width;
    const down = (y) => rect.top + (y / size[1]) * rect.height;
    return [across(x0), down(y0), across(x1), down(y1)];
  }

  #down(event) {
    if (event.button !== 0 || this.press || event.target.closest("button, input, label")) return;
    if (!this.#toFrame(event.clientX, event.clientY)) return;
    this.element.setPointerCapture(event.pointerId);
    // The frame under the pointer is the one on the screen now, not the one at the end of a drag.
    this.press = {
      id: event.pointerId,
      from: [event.clientX, event.clientY],
      to: [event.clientX, event.clientY],
      frame: this.sketch?.active ? null : this.screen.displayedFrame(),
    };
    if (this.sketch?.active) this.sketch.press(this.press.from);
  }

  #move(event) {
    if (this.press === null && event.pointerType !== "touch") {
      this.on.hover(this.#toFrame(event.clientX, event.clientY), [event.clientX, event.clientY]);
    }
    if (this.press?.id !== event.pointerId) return;
    this.press.to = [event.clientX, event.clientY];
    if (this.sketch?.active) {
      const far = Math.hypot(this.press.to[0] - this.press.from[0], this.press.to[1] - this.press.from[1]) >= DRAG_PX;
      return far && this.sketch.drag(this.#toFrame(...this.press.to, true));
    }
    this.#draw();
  }

  #up(event) {
    if (this.press?.id !== event.pointerId) return;
    const { from, to, frame } = this.press;
    this.press = null;
    if (this.sketch?.active) {
      const point = this.#toFrame(...from, true);
      if (Math.hypot(to[0] - from[0], to[1] - from[1]) >= DRAG_PX || !point) this.sketch.release();
      else this.sketch.place(point, event.timeStamp);
      return;
    }
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < DRAG_PX) {
      if (!this.#isSecondOfTwo(event)) this.#point(from[0], from[1], this.negative !== event.shiftKey, frame);
      return;
    }
    const start = this.#toFrame(from[0], from[1], true);
    const end = this.#toFrame(to[0], to[1], true);
    if (!start || !end) return this.#draw(); // the picture went away under the drag
    const [[ax, ay], [bx, by]] = [start, end];
    const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
    this.#prompt({ box }, { kind: "box", from, to }, frame);
  }

  /** A double click means one click. */
  #isSecondOfTwo({ clientX: x, clientY: y, timeStamp: at }) {
    const last = this.#lastClick;
    const second = at - last.at < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < DOUBLE_PX;
    this.#lastClick = { at, x, y };
    return second;
  }

  #point(x, y, negative, frame) {
    const point = this.#toFrame(x, y);
    if (!point) return;
    const kind = negative ? "negative" : "positive";
    this.#prompt({ points: [point], labels: [negative ? 0 : 1] }, { kind, from: [x, y] }, frame);
  }

  #prompt(prompt, mark, frame) {
    const shown = { ...mark, since: performance.now(), until: Infinity };
    this.marks.push(shown);
    this.#animate();
    this.on
      .prompt(prompt, frame)
      .then((accepted) => (shown.failed = !accepted))
      .finally(() => (shown.until = Math.max(performance.now() + 250, shown.since + MARK_MS)));
  }

  #crossClick(place, event) {
    if (this.sketch?.active) {
      this.sketch.press(place);
      this.sketch.place(this.#toFrame(...place, true), event.timeStamp);
    } else {
      this.#point(...place, this.negative !== event.shiftKey, this.screen.displayedFrame());
    }
  }

  #crossMoved() {
    const { place } = this.cross;
    this.on.hover(place && this.#toFrame(...place), place);
    this.#draw();
  }

  /** Puts the picture where it belongs. */
  #place() {
    const [rect, placed] = [this.fitted(), this.pictureRect()];
    const box = this.element.getBoundingClientRect();
    const { scale, whole } = this.zoom;
    const move = whole || !rect ? "" : `translate(${placed.left - box.left - (rect.left - box.left) * scale}px, ${placed.top - box.top - (rect.top - box.top) * scale}px) scale(${scale})`;
    for (const picture of this.element.querySelectorAll(".picture")) picture.style.transform = move;
    this.#draw();
    this.on.zoomed();
  }

  #animate() {
    if (this.#animating) return;
    this.#animating = true;
    let before = performance.now();
    const tick = () => {
      const now = performance.now();
      this.marks = this.marks.filter((mark) => now < mark.until);
      const moving = this.#easeSelection(now - before);
      before = now;
      this.#draw();
      this.#animating = moving || this.marks.length > 0;
      if (this.#animating) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }

  /** Moves the selection's corners towards their place: states come ten times a second, pictures more often. */
  #easeSelection(elapsedMs) {
    if (this.#selection === null) return false;
    const { box, goal } = this.#selection;
    const share = 1 - Math.exp(-elapsedMs / EASE_MS);
    const far = Math.max(...box.map((value, i) => Math.abs(goal[i] - value)));
    this.#selection.box = far < 0.3 ? [...goal] : box.map((value, i) => value + (goal[i] - value) * share);
    return far >= 0.3;
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
    const preview = this.#preview && this.#toClient(this.#preview.box);
    if (preview) drawMask(pen, this.#preview.mask, preview);
    const selected = this.#selection && this.#toClient(this.#selection.box);
    if (selected) drawSelection(pen, selected, this.#selection.colour);
    for (const mark of this.marks) this.#drawMark(pen, mark);
    this.sketch?.draw(pen, (point) => this.toClient(point));
    if (this.press && !this.sketch?.active) {
      const { from, to } = this.press;
      if (Math.hypot(to[0] - from[0], to[1] - from[1]) >= DRAG_PX) drawBox(pen, from, to, COLOURS.box);
    }
    if (this.cross?.place) drawCross(pen, this.cross.place);
  }

  #drawMark(pen, mark) {
    const age = performance.now() - mark.since;
    const left = mark.until - performance.now();
    pen.globalAlpha = Math.min(1, Math.max(0, left / 300));
    const colour = mark.failed ? COLOURS.failed : COLOURS[mark.kind];
    if (mark.kind === "box") drawBox(pen, mark.from, mark.to, colour);
    else drawPoint(pen, mark.from, colour, mark.kind === "negative", age);
    pen.globalAlpha = 1;
  }
}
