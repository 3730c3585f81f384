// Second thoughts about the selected object: its clicks taken back, another beginning, a merger; the last click's masks.

import { send } from "./api.js";
import { Candidates } from "./candidates.js";
import { nameOf, text } from "./strings.js";

const $ = (id) => document.getElementById(id);

export class Mending {
  /**
   * @param page { objects, undo, pointing(), stage(), notice(words), act(work): runs what talks to the server,
   *   showHint(): what a click would do has changed }
   */
  constructor(page) {
    this.page = page;
    this.candidates = new Candidates($("candidates"), {
      preview: (mask, box) => page.stage().preview(mask, box),
      chosen: ({ path }, id) => page.undo.note({ path, kind: "choose", id }),
      act: (work) => page.act(work),
    });
    $("start-over").onclick = () => this.intend("start_over");
    $("merge").onclick = () => this.intend("merge");
    $("clear").onclick = () => this.clear();
    $("undo").onclick = () => this.takeBack();
  }

  /** What keys do, see `bindKeys`. */
  get keys() {
    return {
      undo: () => this.takeBack(),
      candidate: () => this.nextCandidate(),
      startOver: () => this.intend("start_over"),
      merge: () => this.intend("merge"),
      clear: () => this.clear(),
      escape: () => this.escape(),
    };
  }

  /** Another stream or another object is shown: what was begun is given up. */
  leave() {
    const pointing = this.page.pointing();
    if (pointing.intent !== null) pointing.intend(pointing.intent);
    this.candidates.hide();
  }

  /** Shows what may be done to the selected object. */
  show() {
    const { objects, pointing } = this.page;
    const { intent } = pointing();
    $("mend").hidden = objects.selected === null;
    $("merge").disabled = objects.items.size < 2;
    $("start-over").setAttribute("aria-pressed", String(intent === "start_over"));
    $("merge").setAttribute("aria-pressed", String(intent === "merge"));
  }

  /** The next click is for this: start_over or merge; asked twice it is not. */
  intend(kind) {
    if (this.page.objects.selected === null) return this.page.notice(text("selectToMend"));
    this.page.pointing().intend(kind);
    this.candidates.hide();
    this.page.showHint();
  }

  /** A row of the list was clicked; true where that is the object to merge with. */
  picked(id) {
    const { objects, pointing, act } = this.page;
    if (pointing().intent !== "merge" || objects.selected === null) return false;
    this.leave();
    act((mine) => pointing().mergeWith(mine, objects.selected, id));
    return true;
  }

  clear() {
    const { objects, undo, notice, act } = this.page;
    const id = objects.selected;
    if (id === null) return notice(text("selectToMend"));
    return act(async ({ path }) => {
      await send("DELETE", `${path}/objects/${id}/prompts`);
      undo.note({ path, kind: "clear", id });
      this.candidates.hide();
      notice(text("cleared", { object: nameOf(id, "", true) }));
    });
  }

  nextCandidate() {
    const { pointing, notice, act } = this.page;
    return act(async () => {
      await pointing().answered;
      if (!this.candidates.open) return notice(text("noCandidates"));
      await this.candidates.next();
    });
  }

  takeBack() {
    const { pointing, undo, notice, act } = this.page;
    return act(async ({ path }) => {
      await pointing().answered; // what was clicked a moment ago counts
      this.candidates.hide();
      notice(await undo.last(path));
    });
  }

  /** Gives up what was begun, the last first. */
  escape() {
    const { objects, pointing, stage } = this.page;
    if (stage().cancel()) return;
    if (pointing().intent !== null) this.intend(pointing().intent);
    else objects.select(null);
  }
}
