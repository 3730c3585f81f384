// A zone or a line that is being drawn over the picture: corners by clicks, drags or the keyboard's cross.

import { drawSketch } from "./marks.js";
import { text } from "./strings.js";

const NEAR_PX = 14;
const DOUBLE_MS = 450;
const MAX_POINTS = 64;
const FEWEST = { zone: 3, line: 2 };
const $ = (id) => document.getElementById(id);

export class Drawing {
  #shown = null; // { kind, points, name }, points in pixels of the frame; name: of the rule that is changed, or null
  #held = null; // index of the corner that is dragged
  #last = { at: -Infinity, index: -1 };

  /**
   * @param stage the Stage that is drawn on
   * @param on { done(kind, points, name): the corners in pixels of the frame; changed(): whether it draws, or what }
   */
  constructor(stage, on) {
    Object.assign(this, { stage, on });
    stage.sketch = this;
    $("draw-back").onclick = () => this.back();
    $("draw-done").onclick = () => this.done();
    $("draw-cancel").onclick = () => this.cancel();
  }

  get active() {
    return this.#shown !== null;
  }

  get kind() {
    return this.#shown?.kind ?? null;
  }

  /** Begins a zone or a line, or goes on with one; the same kind again gives up. */
  start(kind, points = [], name = null) {
    if (this.#shown?.kind === kind && name === null) return this.cancel();
    this.#shown = { kind, points: [...points], name };
    this.stage.cancel();
    this.#show();
    this.stage.element.focus({ preventScroll: true });
  }

  cancel() {
    this.#shown = this.#held = null;
    this.#show();
  }

  /** Takes the last corner back. */
  back() {
    this.#shown?.points.pop();
    this.#show();
  }

  done() {
    const { kind, points, name } = this.#shown ?? {};
    if (!kind || points.length < FEWEST[kind]) return;
    this.cancel();
    this.on.done(kind, points, name);
  }

  // what the stage tells; places are client coordinates, points are pixels of the frame

  press(place) {
    const near = this.#near(place);
    this.#held = near >= 0 ? near : null;
  }

  drag(point) {
    if (this.#held === null || point === null) return;
    this.#shown.points[this.#held] = point;
    this.#show();
  }

  /** A press that ended where it began, or the cross and Enter. */
  place(point, at) {
    const { kind, points } = this.#shown;
    const held = this.#held;
    this.#held = null;
    const twice = at - this.#last.at < DOUBLE_MS;
    this.#last = { at, index: held };
    if (held !== null) {
      const closes = kind === "zone" && held === 0 && points.length >= FEWEST.zone;
      if (closes || (twice && held === points.length - 1)) this.done();
      return;
    }
    if (points.length < MAX_POINTS) points.push(point);
    this.#show();
  }

  /** A drag is over. */
  release() {
    this.#held = null;
  }

  /** Over the picture; `toClient` makes client coordinates of a point. */
  draw(pen, toClient) {
    if (this.#shown === null) return;
    const places = this.#shown.points.map(toClient);
    if (!places.includes(null)) drawSketch(pen, places, this.#shown.kind === "zone");
  }

  #near([x, y]) {
    const places = (this.#shown?.points ?? []).map((point) => this.stage.toClient(point));
    return places.findIndex((one) => one !== null && Math.hypot(one[0] - x, one[1] - y) < NEAR_PX);
  }

  #show() {
    $("drawing").hidden = this.#shown === null;
    if (this.#shown !== null) {
      const { kind, points } = this.#shown;
      const left = Math.max(0, FEWEST[kind] - points.length);
      const words = text(left ? `draw_${kind}` : `drawMore_${kind}`, { left, count: points.length });
      if ($("drawing-text").textContent !== words) $("drawing-text").textContent = words;
      $("draw-back").disabled = points.length === 0;
      $("draw-done").disabled = left > 0;
    }
    this.stage.redraw();
    this.on.changed();
  }
}
