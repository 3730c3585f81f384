// What a click on the picture does: select what is followed there, add to what is selected, or follow something new.

import { send } from "./api.js";
import { may } from "./role.js";
import { nameOf, text } from "./strings.js";

export class Pointing {
  #last = Promise.resolve();
  #intent = null;

  /**
   * @param page {
   *   turn(): the stream that is shown, as { path, status, trials, over };
   *   dead(): null, or why the picture says nothing now;
   *   clicked(turn, id): a point was taken as a prompt of an object;
   *   objects, undo; notice(words): a line for the person; refused(error): the same for an error }
   */
  constructor(page) {
    this.page = page;
  }

  /** What the next prompt is for, where that is more than to follow or to mend: null, start_over or merge. */
  get intent() {
    return this.#intent;
  }

  /** The next prompt is for this; asked twice it is not. */
  intend(kind) {
    this.#intent = this.#intent === kind ? null : kind;
  }

  /** Carries out one prompt after the other; false where it was refused. Never throws. */
  prompt(prompt, framePromise) {
    const turn = this.page.turn();
    const dead = this.page.dead();
    if (dead !== null) {
      this.page.notice(text(`deadPicture_${dead}`));
      return Promise.resolve(false);
    }
    const intent = this.#intent;
    this.#intent = null;
    const work = () => (intent === null ? this.#carryOut : this.#replace).call(this, turn, prompt, framePromise, intent);
    const carriedOut = this.#last.then(work).catch((error) => {
      if (!turn.over) this.page.refused(error);
      return false;
    });
    this.#last = carriedOut;
    return carriedOut;
  }

  /** Settles when every prompt so far has been answered. */
  get answered() {
    return this.#last;
  }

  /** The objects of a status that are to be shown; those that a click made of nothing are removed. */
  settled(turn, status, seen) {
    const { shown, vanished } = turn.trials.judge(status, seen);
    for (const id of vanished) {
      this.page.undo.forget(turn.path, id);
      send("DELETE", `${turn.path}/objects/${id}`)
        .then(() => turn.over || this.page.refused({ status: 422, kind: "nothing_found" }))
        .catch(() => turn.trials.keep(id)); // somebody else removed it, or it is shown after all
    }
    return shown;
  }

  async #carryOut(turn, prompt, framePromise) {
    const { objects, undo, notice } = this.page;
    const frame = await framePromise;
    if (turn.over) return false;
    const excludes = prompt.labels?.[0] === 0;
    if (excludes && objects.selected === null) {
      notice(text("selectFirst"));
      return false;
    }
    if (prompt.points && !excludes) {
      const found = await find(turn, prompt.points[0], frame);
      if (turn.over) return false;
      if (found !== null && found !== objects.selected) {
        objects.selectWhenShown(found);
        return true;
      }
    }
    if (!may("control")) {
      notice(text("mayOnlyWatch"));
      return false;
    }
    const id = objects.selected;
    const body = frame === null ? prompt : { ...prompt, at_frame: frame };
    if (id !== null) {
      await send("POST", `${turn.path}/objects/${id}/prompts`, body);
      undo.note({ path: turn.path, kind: "correct", id });
      if (prompt.points) this.page.clicked(turn, id);
      return true;
    }
    let added = null;
    turn.trials.begin();
    try {
      const answer = await send("POST", `${turn.path}/objects`, body);
      added = answer.object_id;
      undo.note({ path: turn.path, kind: "add", id: added });
      if (prompt.points) this.page.clicked(turn, added);
      return true;
    } catch (error) {
      if (error.kind !== "duplicate" || !prompt.box) throw error;
      const [x0, y0, x1, y1] = prompt.box;
      const there = await find(turn, [(x0 + x1) / 2, (y0 + y1) / 2], frame);
      if (there === null || turn.over) throw error;
      objects.selectWhenShown(there);
      notice(text("isFollowed", { object: nameOf(there, "", true) }));
      return true;
    } finally {
      turn.trials.end(added, turn.status?.newest_frame_idx ?? -1);
    }
  }

  /** Another beginning for the selected object, or another object that goes into it. */
  async #replace(turn, prompt, framePromise, intent) {
    const { objects, undo, notice } = this.page;
    const frame = await framePromise;
    const id = objects.selected;
    if (turn.over || id === null) return false;
    const body = frame === null ? prompt : { ...prompt, at_frame: frame };
    if (intent === "merge") {
      const at = prompt.points?.[0] ?? [(prompt.box[0] + prompt.box[2]) / 2, (prompt.box[1] + prompt.box[3]) / 2];
      return this.mergeWith(turn, id, await find(turn, at, frame));
    }
    await send("POST", `${turn.path}/objects/${id}/start-over`, body);
    undo.note({ path: turn.path, kind: "start_over", id });
    if (prompt.points) this.page.clicked(turn, id);
    notice(text("startedOver", { object: nameOf(id, "", true) }));
    return true;
  }

  /** One object of two; false where there is no other. Throws what `send` throws. */
  async mergeWith(turn, id, other) {
    const { undo, notice } = this.page;
    if (other === null || other === id) {
      notice(text("mergeNone"));
      return false;
    }
    await send("POST", `${turn.path}/objects/${id}/merge`, { other_id: other });
    undo.note({ path: turn.path, kind: "merge", id });
    notice(text("merged", { object: nameOf(other, "", true), into: nameOf(id) }));
    return true;
  }
}

/** The object under a point of a frame; null where there is none, or where the server cannot say. */
async function find(turn, [x, y], frame) {
  const at = frame === null ? "" : `&at_frame=${frame}`;
  try {
    return (await send("GET", `${turn.path}/objects/at?x=${x}&y=${y}${at}`)).object_id;
  } catch (error) {
    if (error.kind === "frame_expired") return null; // the prompt that follows is told the same
    throw error;
  }
}
