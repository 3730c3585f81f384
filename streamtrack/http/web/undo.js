// What this page did, so that the last of it can be taken back.

import { send } from "./api.js";
import { nameOf, text } from "./strings.js";

const MAX_STEPS = 50;

export class Undo {
  #steps = [];

  /** @param step { path: of the stream, kind: add, correct, label or remove, id, label: the former one } */
  note(step) {
    this.#steps.push(step);
    if (this.#steps.length > MAX_STEPS) this.#steps.shift();
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
      case "add":
        await send("DELETE", `${path}/objects/${step.id}`);
        this.forget(path, step.id);
        return text("undoneAdd", { object });
      case "label":
        await send("PATCH", `${path}/objects/${step.id}`, { label: step.label });
        return text("undoneLabel", { object });
      case "correct":
        return text("noUndoCorrection", { object });
      default:
        return text("noUndoRemove");
    }
  }
}
