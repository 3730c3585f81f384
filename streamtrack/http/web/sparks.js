// Small curves of the last minute beside the bar's figures: frames a second, latency, drops.

const POINTS = 60;
const EVERY_MS = 1000;
const FIGURES = ["fps", "latency", "dropped"];
const $ = (id) => document.getElementById(id);

export class Sparks {
  #values = new Map();
  #at = -Infinity;
  #dropped = null; // the count at the last point

  /** Takes a status, at most once a second; `seen` is false where its figures are not of this moment. */
  note(status, seen) {
    const now = performance.now();
    if (now - this.#at < EVERY_MS) return;
    this.#at = now;
    const dropped = Object.values(status?.dropped ?? {}).reduce((sum, count) => sum + count, 0);
    const fresh = status === null || this.#dropped === null ? 0 : Math.max(0, dropped - this.#dropped);
    this.#dropped = status === null ? null : dropped;
    this.#push("fps", seen ? status.fps : 0);
    this.#push("latency", seen ? status.latency_ms.p50 : 0);
    this.#push("dropped", fresh);
  }

  /** Another stream is shown. */
  clear() {
    this.#values.clear();
    this.#dropped = null;
    for (const name of FIGURES) draw($(`${name}-spark`), []);
  }

  #push(name, value) {
    const values = this.#values.get(name) ?? [];
    values.push(value);
    if (values.length > POINTS) values.shift();
    this.#values.set(name, values);
    draw($(`${name}-spark`), values);
  }
}

function draw(canvas, values) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (!width) return; // not shown on small screens
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  if (values.length < 2) return;
  const most = Math.max(...values, 1e-9);
  const place = (value, at) => [width - ((values.length - 1 - at) / (POINTS - 1)) * width, height - 1 - (value / most) * (height - 2)];
  pen.beginPath();
  values.forEach((value, at) => (at ? pen.lineTo(...place(value, at)) : pen.moveTo(...place(value, at))));
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineWidth = 1.25 * ratio;
  pen.stroke();
}
