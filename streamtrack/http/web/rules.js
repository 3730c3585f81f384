// Zones and lines of the stream that is shown: listed with their counts, drawn, changed, silenced and removed.

import { send } from "./api.js";
import { Drawing } from "./drawing.js";
import { may } from "./role.js";
import { askRule } from "./ruleform.js";
import { text } from "./strings.js";

const DIGITS = 10_000; // shares are kept to a hundredth of a percent
const LOOK_MS = 15_000;
const $ = (id) => document.getElementById(id);

export class Rules {
  #turn = null;
  #known = new Map(); // the server's rules by name: { rule, origin }
  #asked = ""; // the names that were asked for
  #rows = new Map();

  /** @param page { turn(), stage, frameSize(), notice(words), refused(error), act(work), alerts } */
  constructor(page) {
    this.page = page;
    this.drawing = new Drawing(page.stage, {
      done: (kind, points, name) => this.#ask(kind, points, name),
      changed: () => this.#showButtons(),
    });
    setInterval(() => (this.#asked = null), LOOK_MS); // another page may have changed one
    $("draw-zone").onclick = () => this.draw("zone");
    $("draw-line").onclick = () => this.draw("line");
  }

  /** What keys do; `others` are those of the page without a drawing. */
  keys(others) {
    const while_ = (drawing, other) => () => (this.drawing.active ? drawing() : other());
    return {
      zone: () => this.draw("zone"),
      line: () => this.draw("line"),
      done: () => this.drawing.done(),
      remove: while_(() => this.drawing.back(), others.remove),
      escape: while_(() => this.drawing.cancel(), others.escape),
    };
  }

  draw(kind) {
    if (!may("control")) return this.page.notice(text("mayOnlyWatch"));
    if (this.page.frameSize() === null) return this.page.notice(text("deadPicture_wait"));
    this.drawing.start(kind);
  }

  /** Another stream is shown, or the newest state of the same. */
  show(turn) {
    if (this.#turn !== turn) {
      this.#turn = turn;
      this.#known.clear();
      this.#asked = "";
      if (this.drawing.active) this.drawing.cancel();
    }
    const states = turn.status?.rules ?? [];
    const names = states.map((state) => `${state.kind} ${state.name}`).join("\n");
    if (names !== this.#asked) this.#load(turn, names);
    for (const [name, row] of this.#rows) {
      if (states.some((state) => state.name === name)) continue;
      row.remove();
      this.#rows.delete(name);
    }
    for (const state of states) this.#update(this.#rows.get(state.name) ?? this.#add(state.name), state);
    $("no-rules").hidden = states.length > 0;
  }

  /** Every rule that is known, for painter.js to draw. */
  drawn() {
    const size = this.page.frameSize();
    const states = this.#turn?.status?.rules ?? [];
    return states.filter((state) => size !== null && this.#known.has(state.name)).map((state) => {
      const { rule } = this.#known.get(state.name);
      const [width, height] = rule.unit === "share" ? [1, 1] : size;
      const points = rule.points.map(([x, y]) => [x / width, y / height]);
      const active = state.inside.length > 0;
      return { name: state.name, text: this.#counts(state), zone: state.kind === "zone", points, active };
    });
  }

  async #load(turn, names) {
    this.#asked = names;
    try {
      const { rules } = await send("GET", `${turn.path}/rules`);
      if (this.#turn === turn) this.#known = new Map(rules.map((one) => [one.rule.name, one]));
    } catch {
      this.#asked = ""; // asked again with the next state
    }
  }

  #add(name) {
    const row = $("rule-row").content.firstElementChild.cloneNode(true);
    row.dataset.rule = name;
    row.querySelector(".rule-name").textContent = name;
    const snooze = row.querySelector(".snooze");
    this.page.alerts.bindSnooze(snooze, text("snoozeRule", { rule: name }), () => ({ stream: this.#turn.name, rule: name }));
    const change = row.querySelector(".change");
    change.setAttribute("aria-label", text("changeRule", { rule: name }));
    change.title = text("changeRule", { rule: name });
    change.onclick = () => this.#change(name);
    const remove = row.querySelector(".remove");
    remove.setAttribute("aria-label", text("removeRule", { rule: name }));
    remove.title = text("removeRule", { rule: name });
    remove.onclick = () => this.page.act(({ path }) => send("DELETE", `${path}/rules/${encodeURIComponent(name)}`));
    this.#rows.set(name, row);
    $("rules").append(row);
    return row;
  }

  #update(row, state) {
    row.classList.toggle("busy", state.inside.length > 0);
    const fixed = this.#known.get(state.name)?.origin === "config";
    for (const button of row.querySelectorAll(".change, .remove")) button.hidden = fixed;
    const counts = row.querySelector(".rule-counts");
    const words = state.fault ?? this.#counts(state);
    if (counts.textContent !== words) counts.textContent = words;
    counts.classList.toggle("fault", state.fault !== null);
  }

  #counts(state) {
    if (state.kind === "zone") {
      const { inside, entered } = state;
      const longest = Math.floor(Math.max(0, ...inside.map((one) => one.dwell_s)));
      const counted = { inside: inside.length, entered, seconds: longest };
      return text(inside.length ? "zoneBusy" : "zoneCounts", counted);
    }
    const { forward = "in", backward = "out" } = this.#known.get(state.name)?.rule ?? {};
    return text("lineCounts", { forward, ins: state.forward, backward, outs: state.backward });
  }

  #showButtons() {
    for (const kind of ["zone", "line"]) {
      $(`draw-${kind}`).setAttribute("aria-pressed", String(this.drawing.kind === kind));
    }
  }

  /** Draws a known rule again: its corners can be dragged. */
  #change(name) {
    const known = this.#known.get(name)?.rule;
    const size = this.page.frameSize();
    if (!known || size === null) return;
    const [width, height] = known.unit === "share" ? size : [1, 1];
    this.drawing.start(known.kind, known.points.map(([x, y]) => [x * width, y * height]), name);
  }

  #ask(kind, points, name) {
    const turn = this.#turn;
    const [width, height] = this.page.frameSize();
    const share = (value, length) => Math.min(1, Math.round((value / length) * DIGITS) / DIGITS);
    const drawn = points.map(([x, y]) => [share(x, width), share(y, height)]);
    const known = name === null ? { kind, name: this.#freeName(kind) } : this.#known.get(name)?.rule;
    askRule({ ...known, points: drawn, unit: "share" }, async (rule) => {
      const where = `${turn.path}/rules`;
      if (name === null) await send("POST", where, rule);
      else await send("PUT", `${where}/${encodeURIComponent(name)}`, rule);
      this.#asked = ""; // its words may be others
      this.page.notice(text("ruleSaved", { rule: rule.name }));
    });
  }

  #freeName(kind) {
    for (let number = 1; ; number++) {
      const name = text(`name_${kind}`, { number });
      if (!this.#rows.has(name)) return name;
    }
  }
}
