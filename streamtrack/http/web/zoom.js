// How far the picture is enlarged, and which part of it is seen. Numbers only, in shares of the picture.

const MOST = 12;
const STEP = 1.35;

export class Zoom {
  /** 1: the whole picture. */
  scale = 1;
  /** What is in the middle of the screen, as shares of the picture. */
  middle = [0.5, 0.5];

  /** @param changed () */
  constructor(changed) {
    this.changed = changed;
  }

  get whole() {
    return this.scale === 1;
  }

  reset() {
    this.set(1, [0.5, 0.5]);
  }

  /** Where the picture lies that would fill `rect` by itself: the same, enlarged and moved. */
  place({ left, top, width, height }) {
    const [w, h] = [width * this.scale, height * this.scale];
    const [x, y] = [left + width / 2 - this.middle[0] * w, top + height / 2 - this.middle[1] * h];
    return { left: x, top: y, width: w, height: h };
  }

  /** Enlarges by a factor; what is at a place (client coordinates) stays there. */
  by(factor, [x, y], rect) {
    const before = this.place(rect);
    const share = [(x - before.left) / before.width, (y - before.top) / before.height];
    const scale = clamp(this.scale * factor, 1, MOST);
    const [w, h] = [rect.width * scale, rect.height * scale];
    const middle = [share[0] - (x - rect.left - rect.width / 2) / w, share[1] - (y - rect.top - rect.height / 2) / h];
    this.set(scale, middle);
  }

  /** One step nearer or farther, round the middle. */
  step(nearer) {
    this.set(clamp(this.scale * (nearer ? STEP : 1 / STEP), 1, MOST), this.middle);
  }

  /** Moves the picture by client pixels. */
  pan(dx, dy, rect) {
    this.set(this.scale, [this.middle[0] - dx / (rect.width * this.scale), this.middle[1] - dy / (rect.height * this.scale)]);
  }

  set(scale, middle) {
    const near = scale < 1.02 ? 1 : scale; // a hair's enlargement is none
    const margin = 0.5 / near; // the picture's edge never comes inside
    this.scale = near;
    this.middle = middle.map((share) => clamp(share, margin, 1 - margin));
    this.changed();
  }
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
