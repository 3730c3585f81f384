// Keys that work wherever the focus is, except where something is typed.

const TYPING = "input:not([type=radio]), textarea, select, dialog[open] *";
const ACTIVATED_BY_SPACE = "button, summary, a, input";

/** @param act { escape, nth(n), mode, remove, undo, candidate, startOver, merge, clear, zone, line, done, pause,
 *   fullScreen } */
export function bindKeys(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    const name = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && name === "z") {
      event.preventDefault();
      return act.undo();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (name === " " && !event.target.closest?.(ACTIVATED_BY_SPACE)) {
      event.preventDefault(); // it would scroll
      if (!event.repeat) act.pause();
    } else if (name === "escape") act.escape();
    else if (name >= "1" && name <= "9") act.nth(Number(name) - 1);
    else if (name === "x") act.mode();
    else if (name === "c") act.candidate();
    else if (name === "o") act.startOver();
    else if (name === "m") act.merge();
    else if (name === "k") act.clear();
    else if (name === "z") act.zone();
    else if (name === "l") act.line();
    else if (name === "d") {
      event.preventDefault(); // it would be typed into the question that follows
      act.done();
    }
    else if (name === "f") act.fullScreen();
    else if (name === "delete" || name === "backspace") {
      event.preventDefault();
      act.remove();
    }
  });
}
