// The masks that a click may mean, over the picture: looked at, and exchanged for the one that was meant.

import { send } from "./api.js";
import { paintMask } from "./rle.js";
import { text } from "./strings.js";

const NAMES = ["candidateWhole", "candidatePart", "candidateDetail"];
const PREVIEW = [255, 255, 255];
const THUMB_PX = [52, 36];
const LAST_MS = 30_000; // what nobody chooses from does not stand in the picture for ever

export class Candidates {
  #shown = null; // { turn, id, offered }
  #ending = 0;

  /**
   * @param box where they are shown
   * @param actions { preview(canvas, box): draw a mask over the picture, none with null; chosen(turn, id) }
   */
  constructor(box, actions) {
    Object.assign(this, { box, actions });
    box.onpointerleave = () => this.#preview(null);
  }

  get open() {
    return this.#shown !== null;
  }

  /** Shows what an object's newest click may mean; nothing where that is one mask only. Never throws. */
  async offer(turn, id) {
    this.hide();
    let offered = [];
    try {
      offered = await send("GET", `${turn.path}/objects/${id}/candidates`);
    } catch {
      return; // a box, several clicks, or too long ago: there is nothing to choose
    }
    if (turn.over || offered.length < 2) return;
    this.#shown = { turn, id, offered };
    this.#draw();
    this.#endLater();
  }

  hide() {
    clearTimeout(this.#ending);
    if (this.#shown === null) return;
    this.#shown = null;
    this.box.hidden = true;
    this.#preview(null);
  }

  /** Takes the next one, the first after the last. Throws what `send` throws. */
  async next() {
    if (this.#shown === null) return;
    const { offered } = this.#shown;
    await this.choose((offered.findIndex((one) => one.chosen) + 1) % offered.length);
  }

  /** Throws what `send` throws. */
  async choose(index) {
    const shown = this.#shown;
    if (shown === null || shown.offered[index].chosen) return;
    try {
      await send("POST", `${shown.turn.path}/objects/${shown.id}/choose`, { index });
    } catch (error) {
      this.hide();
      throw error;
    }
    for (const one of shown.offered) one.chosen = one.index === index;
    this.actions.chosen(shown.turn, shown.id);
    if (this.#shown !== shown) return;
    this.#mark();
    this.#endLater();
  }

  #endLater() {
    clearTimeout(this.#ending);
    this.#ending = setTimeout(() => {
      if (this.box.matches(":hover, :focus-within")) this.#endLater();
      else this.hide();
    }, LAST_MS);
  }

  #draw() {
    const { offered } = this.#shown;
    const whole = offered.reduce((all, { box }, i) => (i ? union(all, box) : box), null);
    this.box.replaceChildren(...offered.map((one) => this.#button(one, whole)));
    this.box.hidden = false;
    this.#mark();
  }

  #button(one, whole) {
    const button = document.createElement("button");
    button.type = "button";
    const mask = paintMask(one, PREVIEW);
    const name = text(NAMES[one.index] ?? "candidateOther", { number: one.index + 1 });
    const words = document.createElement("span");
    words.textContent = name;
    button.append(thumbnail(mask, one.box, whole), words);
    button.title = text("candidateTitle", { name, mask: Math.round(one.iou_score * 100) });
    button.onpointerenter = button.onfocus = () => this.#preview(mask, one.box);
    button.onblur = () => this.#preview(null);
    button.onclick = () => this.actions.act(() => this.choose(one.index));
    return button;
  }

  #mark() {
    [...this.box.children].forEach((button, i) => {
      button.setAttribute("aria-pressed", String(this.#shown.offered[i].chosen));
    });
  }

  #preview(mask, box) {
    this.actions.preview(mask, box);
  }
}

function union([a0, b0, a1, b1], [c0, d0, c1, d1]) {
  return [Math.min(a0, c0), Math.min(b0, d0), Math.max(a1, c1), Math.max(b1, d1)];
}

/** A mask in small, in its place among the others. */
function thumbnail(mask, box, whole) {
  const canvas = document.createElement("canvas");
  const ratio = devicePixelRatio || 1;
  [canvas.width, canvas.height] = THUMB_PX.map((px) => Math.round(px * ratio));
  [canvas.style.width, canvas.style.height] = THUMB_PX.map((px) => `${px}px`);
  canvas.setAttribute("aria-hidden", "true");
  const [width, height] = [whole[2] - whole[0], whole[3] - whole[1]];
  const scale = Math.min(canvas.width / Math.max(1, width), canvas.height / Math.max(1, height));
  const left = (canvas.width - width * scale) / 2 + (box[0] - whole[0]) * scale;
  const top = (canvas.height - height * scale) / 2 + (box[1] - whole[1]) * scale;
  canvas.getContext("2d").drawImage(mask, left, top, mask.width * scale, mask.height * scale);
  return canvas;
}
