// Keys that work wherever the focus is, except where something is typed.

const TYPING = "input:not([type=radio], [type=checkbox], [type=color], [type=range]), textarea, select, dialog[open] *";
const ACTIVATED_BY_SPACE = "button, summary, a, input";

const PLAIN = {
  ...{ x: "mode", c: "candidate", o: "startOver", m: "merge", k: "clear", z: "zone", l: "line", f: "fullScreen" },
  ...{ ",": "stepBack", ".": "stepOn", s: "slow", v: "live", "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", 0: "zoomWhole" },
  ...{ a: "style", w: "follow", g: "grid", pageup: "streamBefore", pagedown: "streamAfter", "?": "help", h: "help", escape: "escape" },
};

/** @param act { nth(n), remove, undo, done, name, pause, and each of PLAIN } */
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
    } else if (name in PLAIN) act[PLAIN[name]]();
    else if (name >= "1" && name <= "9") act.nth(Number(name) - 1);
    else if (name === "n") {
      event.preventDefault(); // it would be typed into the field that follows
      act.name();
    } else if (name === "d") {
      event.preventDefault(); // it would be typed into the question that follows
      act.done();
    } else if (name === "delete" || name === "backspace") {
      event.preventDefault();
      act.remove();
    }
  });
}
