// Where people point: pointer and keys on the picture become points and boxes in pixels of the frame.

const DRAG_PX = 6;
const MARK_MS = 900;
const COLOURS = { positive: "#4cc38a", negative: "#f2777a", box: "#6cb6ff" };

export class Stage {
  /**
   * @param player tells what is on the screen
   * @param frameSize () => [width, height] of the stream's frames in pixels, or null
   * @param onPrompt called with {points, labels} or {box}, and a promise of the frame that was on the screen;
   *   returns a promise that settles when the server has answered
   */
  constructor(element, canvas, player, frameSize, onPrompt) {
    Object.assign(this, { element, canvas, player, frameSize, onPrompt });
    this.negative = false;
    this.marks = [];
    this.cross = null;
    this.press = null;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#up(event));
    element.addEventListener("pointercancel", () => this.cancel());
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("keydown", (event) => this.#key(event));
    element.addEventListener("blur", () => this.#moveCross(null));
    new ResizeObserver(() => this.#draw()).observe(element);
  }

  /** Gives up a drag; true where there was one. */
  cancel() {
    const had = this.press !== null;
    this.press = null;
    this.#draw();
    return had;
  }

  /** The picture's rectangle inside the stage, in CSS pixels; null before there is a picture. */
  #pictureRect() {
    const { width, height } = this.player.surface;
    if (!width || !height) return null;
    const box = this.element.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    const w = width * scale;
    const h = height * scale;
    return { left: box.left + (box.width - w) / 2, top: box.top + (box.height - h) / 2, width: w, height: h };
  }

  /** Client coordinates to pixels of the frame, kept inside it; null outside of the picture unless `clamp`. */
  #toFrame(x, y, clamp = false) {
    const rect = this.#pictureRect();
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

  #down(event) {
    if (event.button !== 0 || this.press) return;
    if (!this.#toFrame(event.clientX, event.clientY)) return;
    this.element.setPointerCapture(event.pointerId);
    // The frame under the pointer is the one on the screen now, not the one at the end of a drag.
    this.press = {
      id: event.pointerId,
      from: [event.clientX, event.clientY],
      to: [event.clientX, event.clientY],
      frame: this.player.displayedFrame(),
    };
  }

  #move(event) {
    if (this.press?.id !== event.pointerId) return;
    this.press.to = [event.clientX, event.clientY];
    this.#draw();
  }

  #up(event) {
    if (this.press?.id !== event.pointerId) return;
    const { from, to, frame } = this.press;
    this.press = null;
    if (Math.hypot(to[0] - from[0], to[1] - from[1]) < DRAG_PX) {
      this.#point(from[0], from[1], this.negative !== event.shiftKey, frame);
      return;
    }
    const [ax, ay] = this.#toFrame(from[0], from[1], true);
    const [bx, by] = this.#toFrame(to[0], to[1], true);
    const box = [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
    this.#prompt({ box }, { kind: "box", from, to }, frame);
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
    this.onPrompt(prompt, frame)
      .then((accepted) => (shown.failed = !accepted))
      .finally(() => (shown.until = Math.max(performance.now() + 250, shown.since + MARK_MS)));
  }

  #key(event) {
    const step = (event.shiftKey ? 1 : 10) * (event.ctrlKey ? 5 : 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      const rect = this.#pictureRect();
      if (!rect) return;
      const [x, y] = this.cross ?? [rect.left + rect.width / 2, rect.top + rect.height / 2];
      const [dx, dy] = moves[event.key];
      const inside = (value, from, length) => Math.min(Math.max(value, from + 1), from + length - 1);
      this.#moveCross([inside(x + dx, rect.left, rect.width), inside(y + dy, rect.top, rect.height)]);
    } else if (event.key === "Enter" && this.cross) {
      this.#point(this.cross[0], this.cross[1], this.negative !== event.shiftKey, this.player.displayedFrame());
    } else {
      return;
    }
    event.preventDefault();
  }

  #moveCross(place) {
    this.cross = place;
    this.#draw();
  }

  #animate() {
    if (this.animating) return;
    this.animating = true;
    const tick = () => {
      this.marks = this.marks.filter((mark) => performance.now() < mark.until);
      this.#draw();
      this.animating = this.marks.length > 0;
      if (this.animating) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
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
    for (const mark of this.marks) this.#drawMark(pen, mark);
    if (this.press) {
      const { from, to } = this.press;
      if (Math.hypot(to[0] - from[0], to[1] - from[1]) >= DRAG_PX) drawBox(pen, from, to, COLOURS.box);
    }
    if (this.cross) drawCross(pen, this.cross);
  }

  #drawMark(pen, mark) {
    const age = performance.now() - mark.since;
    const left = mark.until - performance.now();
    pen.globalAlpha = Math.min(1, Math.max(0, left / 300));
    const colour = mark.failed ? "#8b98a5" : COLOURS[mark.kind];
    if (mark.kind === "box") drawBox(pen, mark.from, mark.to, colour);
    else drawPoint(pen, mark.from, colour, mark.kind === "negative", age);
    pen.globalAlpha = 1;
  }
}

/** Draws a path twice: a dark halo, then the colour. Readable on any picture. */
function stroke(pen, colour, width, path) {
  for (const [style, line] of [["rgb(8 10 14 / .75)", width + 2.5], [colour, width]]) {
    pen.strokeStyle = style;
    pen.lineWidth = line;
    pen.beginPath();
    path();
    pen.stroke();
  }
}

function drawPoint(pen, [x, y], colour, negative, age) {
  const grown = Math.min(1, age / 220);
  stroke(pen, colour, 2, () => pen.arc(x, y, 22 - 11 * grown, 0, 2 * Math.PI));
  stroke(pen, colour, 2, () => {
    pen.moveTo(x - 4, y);
    pen.lineTo(x + 4, y);
    if (negative) return;
    pen.moveTo(x, y - 4);
    pen.lineTo(x, y + 4);
  });
}

function drawBox(pen, from, to, colour) {
  stroke(pen, colour, 1.5, () => pen.rect(from[0], from[1], to[0] - from[0], to[1] - from[1]));
}

function drawCross(pen, [x, y]) {
  stroke(pen, "#ffffff", 1.5, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + 4 * dx, y + 4 * dy);
      pen.lineTo(x + 13 * dx, y + 13 * dy);
    }
  });
}
