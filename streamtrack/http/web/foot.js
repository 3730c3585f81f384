// The lines at the foot of the picture: what a click would do now, and what came of the one before.

import { may } from "./role.js";
import { nameOf, text } from "./strings.js";

const NOTICE_MS = 6000;
const FIRST_STEPS_KEY = "streamtrack.pointed";

export class Foot {
  #timer = 0;

  constructor(hint, notice) {
    this.hint = hint;
    this.line = notice;
  }

  /**
   * What a click would do.
   * @param selected null, or the selected object as { id, label }
   * @param negative whether a click excludes
   * @param dead whether a click does nothing now
   * @param intent what the next click is for: null, start_over or merge
   */
  showHint(selected, negative, dead, intent) {
    const touch = matchMedia("(pointer: coarse)").matches ? "Touch" : "";
    let words = "";
    if (!may("control")) words = "";
    else if (selected !== null) {
      const object = nameOf(selected.id, selected.label);
      words = text(intent ? `hint_${intent}` : `${negative ? "hintExclude" : "hintInclude"}${touch}`, { object });
    } else if (!dead && isBeginner()) {
      words = text(`firstSteps${touch}`);
    }
    if (this.hint.textContent !== words) this.hint.textContent = words;
  }

  /** What came of what the person just did, for a while. */
  notice(words) {
    clearTimeout(this.#timer);
    this.line.textContent = words;
    this.#timer = setTimeout(() => (this.line.textContent = ""), NOTICE_MS);
  }

  /** The person knows how it goes. */
  endFirstSteps() {
    try {
      localStorage.setItem(FIRST_STEPS_KEY, "yes");
    } catch {
      // then they were not told at all
    }
  }
}

function isBeginner() {
  try {
    return localStorage.getItem(FIRST_STEPS_KEY) === null;
  } catch {
    return false; // a browser that keeps nothing would tell it for ever
  }
}
