// Keys that work wherever the focus is, except where something is typed.

const TYPING = "input:not([type=radio], [type=range], [type=checkbox]), textarea, select, dialog[open] *, pre";
const TEN = 10;

/** @param act { step(frames), end(last), nth(n), another, mode, clear, remove, undo, escape } */
export function bindPickKeys(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    const name = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && name === "z") {
      event.preventDefault();
      return act.undo();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { arrowleft: -1, j: -1, arrowright: 1, k: 1 };
    // Arrows between radio buttons are the browser's.
    if (name.startsWith("arrow") && event.target.closest?.("[type=radio]")) return;
    if (name in steps) act.step(steps[name] * (event.shiftKey ? TEN : 1));
    else if (name === "home" || name === "end") act.end(name === "end");
    else if (name === "n") act.another();
    else if (name === "x") act.mode();
    else if (name === "c") act.clear();
    else if (name === "escape") act.escape();
    else if (name >= "1" && name <= "9") act.nth(Number(name) - 1);
    else if (name === "delete" || name === "backspace") act.remove();
    else return;
    event.preventDefault();
  });
}
