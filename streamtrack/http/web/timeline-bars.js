// A bar for each stream: what is recorded, and a mark for each event. Click or drag to a moment, or use the keys.

import { text } from "./strings.js";

const STEPS_MS = [60_000, 300_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000, 86_400_000];
const LABELS = 8;

export const clock = (ms, seconds = true) =>
  new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds ? { second: "2-digit" } : {}) });
export const day = (ms) => new Date(ms).toLocaleDateString([], { month: "short", day: "numeric" });

export class Bars {
  #rows = new Map();

  /** @param onMoment (stream, ms) where a moment is chosen */
  constructor(list, scale, onMoment) {
    Object.assign(this, { list, scale, onMoment });
    this.view = [0, 1];
  }

  /** Shows the streams of an answer of GET /recordings within a time. */
  show(streams, view) {
    this.view = view;
    const names = streams.map(({ stream }) => stream);
    for (const [name, row] of this.#rows) {
      if (!names.includes(name)) {
        row.node.remove();
        this.#rows.delete(name);
      }
    }
    for (const one of streams) this.#fill(this.#row(one.stream), one);
    this.#drawScale();
  }

  /** Marks events of all streams; each {stream, wall_ms, bad}. */
  mark(events) {
    for (const [name, row] of this.#rows) {
      row.marks.replaceChildren(
        ...events.filter((event) => event.stream === name && this.#isIn(event.wall_ms)).map((event) => {
          const mark = this.#part("b", event.wall_ms);
          mark.classList.toggle("bad", event.bad);
          return mark;
        }),
      );
    }
  }

  /** Shows where the film is, and what the clip would hold. */
  point(stream, ms, clip) {
    for (const [name, row] of this.#rows) {
      const chosen = name === stream;
      row.node.classList.toggle("chosen", chosen);
      const parts = [];
      if (chosen && clip.from !== null && clip.to !== null && clip.to > clip.from) parts.push(this.#part("u", clip.from, clip.to));
      if (chosen && ms !== null && this.#isIn(ms)) parts.push(this.#part("s", ms));
      row.cursor.replaceChildren(...parts);
      if (chosen && ms !== null) {
        row.track.setAttribute("aria-valuenow", Math.round(ms));
        row.track.setAttribute("aria-valuetext", `${day(ms)} ${clock(ms)}`);
      }
    }
  }

  #isIn(ms) {
    return ms >= this.view[0] && ms <= this.view[1];
  }

  #share(ms) {
    return Math.min(1, Math.max(0, (ms - this.view[0]) / (this.view[1] - this.view[0])));
  }

  #part(kind, from, to) {
    const node = document.createElement(kind);
    node.style.left = `${100 * this.#share(from)}%`;
    if (to !== undefined) node.style.width = `${100 * (this.#share(to) - this.#share(from))}%`;
    return node;
  }

  #row(name) {
    const known = this.#rows.get(name);
    if (known) return known;
    const node = document.createElement("div");
    node.className = "row";
    node.dataset.stream = name;
    const label = document.createElement("span");
    label.className = "name";
    const track = document.createElement("div");
    track.className = "track";
    track.tabIndex = 0;
    track.setAttribute("role", "slider");
    track.setAttribute("aria-label", text("barOf", { stream: name }));
    const [spans, marks, cursor] = [0, 1, 2].map(() => document.createElement("span"));
    track.append(spans, marks, cursor);
    node.append(label, track);
    this.list.append(node);
    const choose = (event) => {
      const box = track.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      this.onMoment(name, this.view[0] + share * (this.view[1] - this.view[0]));
    };
    track.addEventListener("pointerdown", (event) => {
      track.setPointerCapture(event.pointerId);
      choose(event);
    });
    track.addEventListener("pointermove", (event) => event.buttons && choose(event));
    track.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      const spansNow = this.#rows.get(name).times;
      if (!spansNow.length) return;
      this.onMoment(name, event.key === "End" ? spansNow.at(-1)[1] - 1000 : spansNow[0][0]);
    });
    const row = { node, label, track, spans, marks, cursor, times: [] };
    this.#rows.set(name, row);
    return row;
  }

  #fill(row, { stream, spans, recorder }) {
    row.times = spans;
    row.label.replaceChildren(stream);
    row.label.title = recorder?.clean ?? "";
    const trouble = recorder?.trouble;
    if (trouble || recorder?.is_recording) {
      const note = document.createElement("small");
      note.textContent = trouble ? text("stoppedNow", { why: trouble }) : text("recordingNow");
      row.label.append(note);
    }
    row.track.setAttribute("aria-valuemin", this.view[0]);
    row.track.setAttribute("aria-valuemax", this.view[1]);
    if (!row.track.hasAttribute("aria-valuenow")) row.track.setAttribute("aria-valuenow", this.view[1]);
    row.spans.replaceChildren(...spans.map(([from, to]) => this.#part("i", from, to)));
  }

  #drawScale() {
    const [from, to] = this.view;
    const step = STEPS_MS.find((ms) => (to - from) / ms <= LABELS) ?? STEPS_MS.at(-1);
    const shift = new Date(from).getTimezoneOffset() * 60_000;
    const labels = [];
    for (let ms = Math.ceil((from - shift) / step) * step + shift; ms <= to; ms += step) {
      const node = this.#part("span", ms);
      node.textContent = step >= 86_400_000 ? day(ms) : clock(ms, false);
      labels.push(node);
    }
    this.scale.replaceChildren(...labels);
  }
}
