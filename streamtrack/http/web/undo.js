// What this page did, so that the last of it can be taken back.

import { send } from "./api.js";
import { nameOf, text } from "./strings.js";

const MAX_STEPS = 50;

export class Undo {
  #steps = [];

  /**
   * @param step { path: of the stream, id, kind: add, correct, choose, clear, start_over, merge, label or remove;
   *   label: the former one }
   */
  note(step) {
    this.#steps.push(step);
    if (this.#steps.length > MAX_STEPS) this.#steps.shift();
  }

  /** A step was refused after all. */
  drop(step) {
    this.#steps = this.#steps.filter((one) => one !== step);
  }

  /** An object is gone: what was done to it cannot be taken back any more. */
  forget(path, id) {
    this.#steps = this.#steps.filter((step) => step.path !== path || step.id !== id || step.kind === "remove");
  }

  /** Takes the stream's last step back where the server can; gives what to say. Throws what `send` throws. */
  async last(path) {
    const at = this.#steps.findLastIndex((step) => step.path === path);
    if (at < 0) return text("nothingToUndo");
    const [step] = this.#steps.splice(at, 1);
    const object = nameOf(step.id);
    switch (step.kind) {
      case "label":
        await send("PATCH", `${path}/objects/${step.id}`, { label: step.label });
        return text("undoneLabel", { object });
      case "remove":
        return text("noUndoRemove");
      default:
        return this.#takeBack(path, step, object);
    }
  }

  async #takeBack(path, step, object) {
    try {
      const { undone } = await send("POST", `${path}/objects/${step.id}/undo`);
      if (undone === "start") this.forget(path, step.id);
      return text(`undone_${undone}`, { object });
    } catch (error) {
      // "prompt": the server knows nothing of it any more, as after a restart.
      if (error.kind !== "frame_expired" && error.kind !== "prompt") throw error;
      if (step.kind !== "add") return text("undoTooLate", { object });
      await send("DELETE", `${path}/objects/${step.id}`);
      this.forget(path, step.id);
      return text("undone_start", { object });
    }
  }
}
