// What a person may have the server do to the stream that is shown, beside prompts.

import { send } from "./api.js";
import { text } from "./strings.js";

const $ = (id) => document.getElementById(id);

export class Commands {
  /**
   * @param page { turn(): the stream that is shown; objects(): the ObjectList; names; undo; refused(error);
   *   standing(): how it stands; askServer(): have the server asked again }
   */
  constructor(page) {
    this.page = page;
    $("remove-all").onclick = () => this.askRemoveAll();
    $("pause").onclick = () => this.pause();
    $("retry").onclick = () => this.tryAgain();
  }

  /** Runs something that talks to the server about the stream that is shown; what goes wrong is told. */
  act = async (work, ...rest) => {
    const mine = this.page.turn();
    if (!mine) return;
    try {
      await work(mine, ...rest);
    } catch (error) {
      if (!mine.over) this.page.refused(error);
    }
  };

  rename(id, label, former) {
    return this.act(async ({ path }) => {
      const step = { path, kind: "label", id, label: former };
      this.page.undo.note(step); // now: its answer may come after the state that shows it
      try {
        await send("PATCH", `${path}/objects/${id}`, { label });
        this.page.names.add(label);
      } catch (error) {
        this.page.undo.drop(step);
        throw error;
      }
    });
  }

  remove(id) {
    return this.act((mine) => this.#remove(mine, id));
  }

  pause() {
    return this.act(async (mine) => {
      if (mine.status === null) return;
      if (mine.status.state === "ended") return void (await send("POST", `${mine.path}/replay`));
      const { paused } = mine.status;
      mine.happenings.noteAsked(paused ? "resumed" : "paused");
      await send("POST", `${mine.path}/${paused ? "resume" : "pause"}`);
    });
  }

  /** The curtain's button: the page asks the server again, or the server does what the person wants. */
  tryAgain() {
    return this.act(async ({ path }) => {
      const retry = this.page.standing().curtain?.retry;
      if (retry === "server") this.page.askServer();
      else if (retry) await send("POST", `${path}/${retry}`);
    });
  }

  askRemoveAll() {
    const mine = this.page.turn();
    const objects = this.page.objects();
    const ids = [...objects.items.keys()];
    $("remove-question").textContent = text("removeAllQuestion", { count: ids.length });
    $("remove-dialog").returnValue = "";
    $("remove-dialog").showModal();
    $("remove-dialog").onclose = () => {
      if ($("remove-dialog").returnValue !== "remove" || mine.over) return;
      this.act(async (shown) => {
        for (const id of ids) if (objects.item(id)) await this.#remove(shown, id);
      });
    };
  }

  async #remove({ path }, id) {
    await send("DELETE", `${path}/objects/${id}`);
    this.page.undo.forget(path, id);
    this.page.undo.note({ path, kind: "remove", id });
  }
}
