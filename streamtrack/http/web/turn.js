// One stretch of showing one stream, and what the page knows of it. A turn that is over changes nothing on the page.

import { Boxes } from "./boxes.js";
import { Happenings } from "./happenings.js";
import { Trials } from "./trials.js";

const STANDS_MS = 5000; // a stream without a newly tracked frame for so long shows nothing of this moment
const told = new Map(); // by stream: which of its events are in the list

export class Turn {
  status = null;
  link = { up: null, error: null, nextTryAt: null };
  play = { state: "connecting", mjpeg: false, error: null };
  framesAtStall = null;
  frameAt = performance.now(); // when the server last told of a newly tracked frame
  trials = new Trials();
  boxes = new Boxes();
  pastAsked = false;
  lost = false; // the server does not answer
  over = false;

  /**
   * @param note (name, words, how): a line for the list of events
   * @param of { colour(id) as it is drawn; thumbnail(id): a small picture of an object now, or nothing }
   */
  constructor(name, note, of) {
    this.name = name;
    this.path = `/streams/${encodeURIComponent(name)}`;
    if (!told.has(name)) told.set(name, new Set());
    this.happenings = new Happenings((words, how) => note(name, words, how), of, told.get(name));
  }

  /** Whether no frame was tracked for a while. */
  get stands() {
    return performance.now() - this.frameAt > STANDS_MS;
  }

  /** Size of the stream's frames as [width, height] in pixels; null before the first. */
  get frameSize() {
    return this.status?.width_px ? [this.status.width_px, this.status.height_px] : null;
  }

  /** Takes a state as the server sends it; `objects` are those to be shown. */
  note(status, objects) {
    if (status.newest_frame_idx !== this.status?.newest_frame_idx) this.frameAt = performance.now();
    const inS = status.next_try_in_s ?? null;
    this.status = { ...status, objects, next_try_at: inS === null ? null : performance.now() + inS * 1000 };
    this.happenings.onState(this.status);
    this.boxes.note(this.status);
  }
}
