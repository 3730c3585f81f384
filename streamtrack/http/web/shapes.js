// The masks of each picture as polygons, as they come over the data channel: docs/wire-format.md describes the bytes.

const VERSION = 1;
const HEAD_BYTES = 14;
const STATES = ["tracking", "uncertain", "occluded", "lost", "unseen"];
const KEPT = 900; // half a minute at 30 pictures a second

/**
 * Reads one message; null where it is of a version that is not known.
 * @returns { rtp, frame, width, height, objects: [{ id, state, rings: arrays of x, y, x, y, ... in pixels of the frame,
 *   box: [x0, y0, x1, y1] or null where it has no mask }] }
 */
export function readShapes(buffer) {
  const view = new DataView(buffer);
  if (view.byteLength < HEAD_BYTES || view.getUint8(0) !== VERSION) return null;
  const unit = view.getUint8(13);
  const reader = new Reader(view, HEAD_BYTES);
  const objects = [];
  for (let left = reader.number(); left > 0; left--) objects.push(readObject(reader, unit));
  const size = { width: view.getUint16(9, true), height: view.getUint16(11, true) };
  return { rtp: view.getUint32(1, true), frame: view.getUint32(5, true), ...size, objects };
}

function readObject(reader, unit) {
  const id = reader.number();
  const state = STATES[reader.byte()] ?? "unseen";
  const rings = [];
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  let [x, y] = [0, 0];
  for (let left = reader.number(); left > 0; left--) {
    const ring = new Float32Array(2 * reader.number());
    for (let at = 0; at < ring.length; at += 2) {
      x += reader.step();
      y += reader.step();
      // A unit's middle: a point stands for the pixel, not for its corner.
      ring[at] = x * unit + 0.5;
      ring[at + 1] = y * unit + 0.5;
      box[0] = Math.min(box[0], ring[at]);
      box[1] = Math.min(box[1], ring[at + 1]);
      box[2] = Math.max(box[2], ring[at]);
      box[3] = Math.max(box[3], ring[at + 1]);
    }
    rings.push(ring);
  }
  return { id, state, rings, box: rings.length ? box : null };
}

/** Reads numbers of seven bits a byte, the lowest first. */
class Reader {
  constructor(view, at) {
    Object.assign(this, { view, at });
  }
  byte() {
    return this.view.getUint8(this.at++);
  }
  number() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const group = this.byte();
      value += (group & 0x7f) * scale;
      if (group < 0x80) return value;
    }
  }
  step() {
    const value = this.number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }
}

/** The shapes of one connection by the RTP timestamp of their picture; the newest are kept. */
export class ShapesLog {
  #kept = new Map();

  note(buffer) {
    let shapes = null;
    try {
      shapes = readShapes(buffer);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return null; // it ends too soon: not ours
    }
    if (shapes === null) return null;
    this.#kept.set(shapes.rtp, shapes);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return shapes;
  }

  at(rtp) {
    return this.#kept.get(rtp) ?? null;
  }
}

/** The object whose mask is at a point of the frame, the last one drawn first; null where there is none. */
export function objectAt(shapes, [x, y]) {
  for (const object of [...(shapes?.objects ?? [])].reverse()) {
    const { box } = object;
    if (box === null || x < box[0] || y < box[1] || x > box[2] || y > box[3]) continue;
    if (object.rings.reduce((inside, ring) => inside !== within(ring, x, y), false)) return object;
  }
  return null;
}

/** Whether a point is inside a ring. */
function within(ring, x, y) {
  let inside = false;
  for (let at = 0, before = ring.length - 2; at < ring.length; before = at, at += 2) {
    const [ax, ay, bx, by] = [ring[at], ring[at + 1], ring[before], ring[before + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
