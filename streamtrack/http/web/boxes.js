// Where an object is in the picture that is on the screen: states and pictures come by different ways, and each at its
// own time.

const KEPT = 64;

export class Boxes {
  #states = []; // { frame, objects: boxes by object id }, oldest first
  #behind = 0; // tracked frames by which the picture on the screen is older than the newest state
  #asking = false;

  note(status) {
    const last = this.#states.at(-1);
    if (last && status.newest_frame_idx < last.frame) this.#states = []; // the server was started anew
    if (last?.frame === status.newest_frame_idx) this.#states.pop(); // a frame that was told again, corrected
    const objects = new Map(status.objects.map((item) => [item.object_id, item.area_px > 0 ? item.box : null]));
    this.#states.push({ frame: status.newest_frame_idx, objects });
    if (this.#states.length > KEPT) this.#states.shift();
  }

  /** Learns how old the picture is. @param displayedFrame () => a promise of the frame on the screen, or of null */
  async compare(displayedFrame) {
    const newest = this.#states.at(-1)?.frame;
    if (this.#asking || newest === undefined) return;
    this.#asking = true;
    const frame = await displayedFrame();
    this.#asking = false;
    if (frame !== null) this.#behind = Math.max(0, newest - frame);
  }

  /** The object's box in pixels of the frame, as of the picture on the screen; null where it has none. */
  of(id) {
    if (!this.#states.length) return null;
    const shown = this.#states.at(-1).frame - this.#behind;
    const state = this.#states.findLast((one) => one.frame <= shown) ?? this.#states[0];
    return state.objects.get(id) ?? null;
  }

  /** Where the object was seen last, in pixels of the frame; null where it was not for a while. */
  lastOf(id) {
    return this.#states.findLast((one) => one.objects.get(id))?.objects.get(id) ?? null;
  }
}
