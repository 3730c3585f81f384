// Draws the masks of the picture that is on the screen over it, as this browser wants to see them.

import { OPAQUE } from "./looks.js";
import { paint, paintRules, paintTrails } from "./painter.js";
import { objectAt } from "./shapes.js";
import { text } from "./strings.js";

const TRAIL_MS = 4000;
const BLIND_MS = 1000; // without shapes for so long, nothing of a redacted picture is shown

export class Overlay {
  #trails = new Map(); // by object id: [[x, y, at], ...]
  #last = null; // the shapes that were drawn last
  #lastAt = -Infinity;

  /**
   * @param canvas over the picture
   * @param page { screen, stage, looks, stream(): its name; item(id): what the server says of an object;
   *   selected(): an object's id or null; rules(): zones and lines as painter.js draws them }
   */
  constructor(canvas, page) {
    Object.assign(this, { canvas, page });
  }

  /** Another stream is shown. */
  forget() {
    this.#trails.clear();
    this.#last = null;
    this.#lastAt = -Infinity;
    this.draw();
  }

  /** Another picture is on the screen, live or held, or it is to be seen otherwise. */
  draw() {
    const { screen, looks } = this.page;
    const pen = this.#freshPen();
    const shown = screen.clean;
    this.canvas.hidden = !shown;
    if (!shown) return this.#showPicture(true);
    const rect = this.page.stage.pictureRect();
    const shapes = this.#shapesNow();
    if (rect === null || shapes === null) return this.#showPicture(!this.#hides(looks.style));
    const styleOf = (object) => this.#styleOf(object);
    const opaque = shapes.objects.some((object) => OPAQUE.has(styleOf(object))) || this.#hides(looks.style);
    const { element } = screen.surface;
    this.#showPicture(!opaque);
    if (opaque) pen.drawImage(element, rect.left, rect.top, rect.width, rect.height);
    if (looks.rules) paintRules(pen, rect, this.page.rules());
    paint(pen, rect, element, shapes, {
      ...{ styleOf, tags: looks.tags, selected: this.page.selected() },
      colourOf: (object) => this.#colourOf(object.id),
      nameOf: (object) => this.#nameOf(object),
    });
    if (looks.trails) paintTrails(pen, rect, shapes.width, this.#noteTrails(shapes), (id) => this.#colourOf(id));
    this.canvas.dataset.frame = shapes.frame;
  }

  /** What is under a point of the frame, to be told beside the pointer; empty where there is nothing. */
  detailsAt(point) {
    const object = this.page.screen.clean ? objectAt(this.page.screen.shapes, point) : null;
    if (object === null || this.#styleOf(object) === "hide") return "";
    const item = this.page.item(object.id);
    if (item === undefined) return this.#nameOf(object);
    const [visible, mask] = [item.object_score, item.iou_score].map((share) => Math.round(share * 100));
    const state = text(`state_${object.state}`);
    return text("hoverDetails", { object: this.#nameOf(object), state, visible, mask, area: item.area_px });
  }

  /** The picture's shapes; those of the one before while they have not come, a moment long. */
  #shapesNow() {
    const shapes = this.page.screen.shapes;
    if (shapes !== null) {
      this.#last = shapes;
      this.#lastAt = performance.now();
      return shapes;
    }
    return performance.now() - this.#lastAt < BLIND_MS ? this.#last : null;
  }

  /** Whether a picture without shapes must not be seen. */
  #hides(style) {
    return style === "redact";
  }

  #showPicture(visible) {
    const { element } = this.page.screen.surface;
    for (const one of [this.page.screen.player.video, this.page.screen.held.canvas]) {
      one.classList.toggle("unseen", one === element && !visible);
    }
  }

  #freshPen() {
    const box = this.page.stage.element.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, -box.left * ratio, -box.top * ratio);
    pen.clearRect(box.left, box.top, box.width, box.height);
    return pen;
  }

  #styleOf({ id }) {
    const { looks } = this.page;
    return looks.ownStyle(this.page.stream(), id, this.#label(id)) ?? looks.style;
  }

  #colourOf(id) {
    return this.page.looks.colour(this.page.stream(), id, this.#label(id));
  }

  #label(id) {
    return this.page.item(id)?.label ?? "";
  }

  #nameOf({ id, state }) {
    const name = `${id} ${this.#label(id)}`.trimEnd();
    return state === "tracking" || state === "unseen" ? name : `${name} · ${text(`state_${state}`)}`;
  }

  /** Where objects stood, oldest first. A held picture has no past of its own. */
  #noteTrails(shapes) {
    const now = performance.now();
    if (!this.page.screen.held.active) {
      for (const { id, box } of shapes.objects) {
        if (box === null) continue;
        const trail = this.#trails.get(id) ?? [];
        trail.push([(box[0] + box[2]) / 2, box[3], now]);
        this.#trails.set(id, trail);
      }
    }
    for (const [id, trail] of this.#trails) {
      while (trail.length && now - trail[0][2] > TRAIL_MS) trail.shift();
      if (!trail.length) this.#trails.delete(id);
    }
    return this.#trails;
  }
}
