// The job: its options, its progress, and what it left.

import { imageAddress } from "./api.js";
import { text } from "./strings.js";

const byId = (id) => document.getElementById(id);
const VIDEO = /\.(mp4|webm)$/;

/** Seconds as 0:07 or 1:02:07. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

export class JobPanel {
  #exporters = "";
  #shownEnd = 0;

  /** @param act { choose(options), start(), stop(), frame() } */
  constructor(act) {
    this.act = act;
    const changed = () => act.choose(this.#read());
    byId("options").addEventListener("change", changed);
    for (const which of ["start", "end"]) {
      byId(`${which}-here`).onclick = () => {
        byId(which).value = act.frame();
        changed();
      };
    }
    byId("go").onclick = () => act.start();
    byId("stop").onclick = () => {
      byId("stop").disabled = true;
      byId("progress-text").textContent = text("pick_stopping");
      act.stop();
    };
  }

  /** Shows the server's state. */
  show(state) {
    this.#showExporters(state.exporters, state.options.exports);
    const { options } = state;
    for (const name of ["direction", "start", "end", "stride"]) {
      const field = byId(name);
      if (field !== document.activeElement) field.value = options[name] ?? "";
      if (name === "start" || name === "end") field.max = state.film.num_frames - 1;
    }
    byId("overwrite").checked = options.overwrite;
    byId("folder").textContent = state.folder;
    this.progress(state.job, state.prompts.length > 0);
  }

  /** Shows how the job stands; `ready` tells whether there is anything to track. */
  progress(job, ready) {
    const running = job?.state === "running";
    byId("options").disabled = running;
    byId("go").disabled = running || !ready;
    byId("go").textContent = text(job && !running ? "pick_again" : "pick_go");
    byId("progress").hidden = !running;
    byId("results").hidden = !job || running;
    if (running) this.#showProgress(job);
    else if (job && this.#shownEnd !== job.number) this.#showEnd(job);
  }

  #showProgress(job) {
    const bar = byId("bar");
    if (job.total) bar.value = job.num_frames / job.total;
    else bar.removeAttribute("value");
    if (byId("stop").disabled) return;
    const parts = [text(job.total ? "pick_counted" : "pick_countedSoFar", { done: job.num_frames, total: job.total })];
    if (!job.num_frames) parts[0] = text("pick_waiting");
    if (job.fps) parts.push(text("pick_rate", { fps: job.fps.toFixed(1) }));
    if (job.left_s !== null) parts.push(text("pick_left", { time: clock(Math.ceil(job.left_s)) }));
    byId("progress-text").textContent = parts.join(" · ");
  }

  #showEnd(job) {
    this.#shownEnd = job.number;
    byId("stop").disabled = false;
    byId("results").dataset.state = job.state;
    byId("result-line").textContent = job.error || job.line;
    const address = (name) => imageAddress(`/pick/files/${name.split("/").map(encodeURIComponent).join("/")}`);
    const items = job.files.map(({ name, count }) => {
      const item = document.createElement("li");
      const link = document.createElement(count === null ? "a" : "span");
      if (count === null) Object.assign(link, { href: address(name), download: name });
      link.textContent = count === null ? name : text("pick_files", { name, count });
      item.append(link);
      return item;
    });
    byId("files").replaceChildren(...items);
    const video = byId("result-video");
    const film = job.files.find(({ name, count }) => count === null && VIDEO.test(name));
    video.hidden = !film;
    if (film) video.src = address(film.name);
    else video.removeAttribute("src");
    byId("results").scrollIntoView({ block: "nearest" });
  }

  #showExporters(exporters, chosen) {
    const names = exporters.map((one) => one.name).join();
    if (names !== this.#exporters) {
      this.#exporters = names;
      byId("exporters").replaceChildren(...exporters.map(tick));
    }
    for (const box of byId("exporters").querySelectorAll("input")) box.checked = chosen.includes(box.value);
    byId("chosen").textContent = chosen.join(", ") || text("none");
  }

  #read() {
    const number = (id) => (byId(id).value === "" ? null : Math.max(0, Math.round(Number(byId(id).value)) || 0));
    return {
      direction: byId("direction").value,
      start: number("start"),
      end: number("end"),
      stride: Math.max(1, number("stride") ?? 1),
      exports: [...byId("exporters").querySelectorAll("input:checked")].map((box) => box.value),
      overwrite: byId("overwrite").checked,
    };
  }
}

function tick({ name, about }) {
  const item = document.createElement("li");
  const label = document.createElement("label");
  label.className = "tick";
  const box = Object.assign(document.createElement("input"), { type: "checkbox", value: name });
  const words = document.createElement("span");
  words.append(name, Object.assign(document.createElement("small"), { textContent: about }));
  label.append(box, words);
  item.append(label);
  return item;
}
