// Objects that a click has just made, until they were seen. A click on empty ground makes one that vanishes at once.

const TRIAL_FRAMES = 4;

export class Trials {
  #asking = 0;
  #shown = new Set();
  #until = new Map(); // by object id: the tracked frame that ends its trial
  #gone = new Set();

  /** A click was sent: whatever is new meanwhile may be of its making. */
  begin() {
    this.#asking += 1;
  }

  /** It was answered: with a new object's id, or null where there is none. */
  end(id, newestFrame) {
    this.#asking -= 1;
    if (id !== null && !this.#shown.has(id)) this.#until.set(id, newestFrame + TRIAL_FRAMES);
  }

  /** An object that could not be removed is one after all. */
  keep(id) {
    this.#gone.delete(id);
    this.#until.delete(id);
  }

  /**
   * @param seen whether frames are tracked at this moment; otherwise nothing more is learnt of an object
   * @returns { shown: the objects to show; vanished: ids of those that were never seen, each once }
   */
  judge(status, seen) {
    const vanished = [];
    for (const { object_id: id, state, area_px: area } of status.objects) {
      if (!this.#until.has(id) || this.#gone.has(id)) continue;
      if (seen && area === 0 && state !== "pending") {
        this.#gone.add(id);
        vanished.push(id);
      } else if (!seen || state === "tracking" || status.newest_frame_idx > this.#until.get(id)) {
        this.#until.delete(id);
      }
    }
    const shown = status.objects.filter(({ object_id: id, state }) => {
      const asked = this.#asking > 0 && !this.#shown.has(id) && state !== "tracking";
      return !this.#until.has(id) && !asked;
    });
    this.#shown = new Set(shown.map((item) => item.object_id));
    return { shown, vanished };
  }
}
