// The questions about one camera: what it is, where, what it is called; and what is found there.

import { ApiError, send } from "./api.js";
import { text } from "./strings.js";

const TRIAL_LIMIT = { headMs: 25_000, limitMs: 25_000 };
const SAVE_LIMIT = { headMs: 60_000, limitMs: 60_000 }; // a detector may be loaded
const ROAD = ["person", "bicycle", "car", "motorcycle", "bus", "truck"];
const FINDS = {
  none: () => null,
  person: () => ({ kind: "detector", classes: ["person"] }),
  road: () => ({ kind: "detector", classes: ROAD }),
  motion: () => ({ kind: "motion" }),
};
const $ = (id) => document.getElementById(id);

export class CameraForm {
  #known = null; // the camera that is changed, as the server tells it; null for a new one
  #trial = 0; // an answer to an earlier question is not shown

  /** @param on { saved(name), back() } */
  constructor(on) {
    this.on = on;
    this.dialog = $("camera-dialog");
    $("camera-kind").onchange = () => this.#showKind();
    $("camera-test").onclick = () => this.#test();
    $("camera-url").onchange = () => this.#suggestName();
    this.dialog.onclose = () => this.#close();
    this.dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      if (event.submitter?.value === "save") this.#save();
      else this.dialog.close();
    };
  }

  /**
   * Asks.
   * @param info what the server says of what may be added
   * @param camera the one to change; null for a new one
   */
  ask(info, camera) {
    this.#known = camera;
    this.allowFiles = info.allow_files;
    this.taken = info.cameras.map((one) => one.name);
    const url = camera?.settings.source.url ?? "";
    const kind = kindOf(url);
    $("camera-title").textContent = camera ? text("cameraChange", { name: camera.name }) : text("cameraAdd");
    $("camera-kind").value = kind;
    $("camera-url").value = kind === "url" ? url : "";
    $("camera-device").value = kind === "webcam" ? url.replace(/^webcam:(\/\/)?/, "") : "0";
    $("camera-path").value = kind === "file" ? url : "";
    $("camera-name").value = camera?.name ?? "";
    $("camera-name-box").hidden = camera !== null;
    $("camera-finds").value = findsOf(camera?.settings.autoprompt);
    $("camera-finds").querySelector("[value=other]").hidden = $("camera-finds").value !== "other";
    const records = recordsOf(camera);
    $("camera-records").value = records;
    $("camera-records").disabled = !info.records && records === "off";
    $("camera-no-archive").hidden = info.records;
    this.#tell("");
    this.#wrong("");
    $("camera-still").hidden = true;
    this.#showKind();
    this.dialog.showModal();
  }

  get #source() {
    const kind = $("camera-kind").value;
    const url = { url: $("camera-url"), webcam: $("camera-device"), file: $("camera-path") }[kind].value.trim();
    return { url: kind === "webcam" ? `webcam:${url}` : url };
  }

  #showKind() {
    const kind = $("camera-kind").value;
    for (const node of this.dialog.querySelectorAll("[data-kind]")) {
      node.hidden = node.dataset.kind !== kind;
      node.querySelector("input").required = !node.hidden;
    }
    $("camera-no-files").hidden = kind !== "file" || this.allowFiles;
    if (kind === "webcam") this.#suggestName();
  }

  /** A name that nobody has, from the address. */
  #suggestName() {
    if ($("camera-name").value || this.#known) return;
    const base = $("camera-kind").value === "webcam" ? "webcam" : nameFrom($("camera-url").value);
    let name = base;
    for (let number = 2; this.taken.includes(name); number += 1) name = `${base}-${number}`;
    $("camera-name").value = name;
  }

  async #test() {
    if (!this.#isFilled()) return;
    const source = this.#source;
    const trial = (this.#trial += 1);
    this.#wrong("");
    $("camera-still").hidden = true;
    $("camera-test").disabled = true;
    this.#tell(text("cameraTesting", { source: source.url.replace(/:\/\/[^/]*@/, "://") }));
    try {
      const body = this.#known ? { source, name: this.#known.name } : { source };
      const found = await send("POST", "/streams/test", body, TRIAL_LIMIT);
      if (trial === this.#trial) this.#showFound(found);
    } catch (error) {
      if (trial !== this.#trial) return;
      this.#tell("");
      this.#wrong(wordsOf(error));
    } finally {
      $("camera-test").disabled = false;
    }
  }

  #showFound(found) {
    const fps = found.fps === null ? text("cameraFpsUnknown") : text("cameraFps", { fps: Math.round(found.fps * 10) / 10 });
    const seconds = (found.first_picture_ms / 1000).toFixed(1);
    this.#tell(text("cameraFound", { codec: found.codec, width: found.width_px, height: found.height_px, fps, seconds }));
    $("camera-still").alt = text("cameraStill", { source: found.source });
    $("camera-still").src = found.still;
    $("camera-still").hidden = false;
    this.#suggestName();
  }

  async #save() {
    this.#trial += 1;
    this.#wrong("");
    this.#tell(text("cameraSaving"));
    $("camera-save").disabled = true;
    try {
      const known = this.#known;
      const name = known?.name ?? $("camera-name").value.trim();
      const finds = $("camera-finds").value;
      const asked = { source: this.#source };
      if (finds !== "other" && (known || finds !== "none")) asked.autoprompt = FINDS[finds]();
      const records = $("camera-records").value;
      if (records !== recordsOf(known)) asked.recording = { mode: records };
      if (known) await send("PATCH", `/streams/${encodeURIComponent(name)}`, asked, SAVE_LIMIT);
      else await send("POST", "/streams", { name, ...asked }, SAVE_LIMIT);
      this.saved = name;
      this.dialog.close();
    } catch (error) {
      this.#tell("");
      this.#wrong(wordsOf(error));
    } finally {
      $("camera-save").disabled = false;
    }
  }

  #close() {
    this.#trial += 1;
    const saved = this.saved;
    this.saved = null;
    $("camera-still").removeAttribute("src");
    if (saved) this.on.saved(saved);
    else this.on.back();
  }

  #isFilled() {
    const input = this.dialog.querySelector("[data-kind]:not([hidden]) input");
    return input.reportValidity();
  }

  #tell(line) {
    $("camera-told").textContent = line;
    $("camera-told").hidden = line === "";
  }

  #wrong(line) {
    $("camera-wrong").textContent = line;
    $("camera-wrong").hidden = line === "";
  }
}

/** What went wrong, in the server's own words: they name the key or the host. */
export const wordsOf = (error) => (error instanceof ApiError ? error.message : text("error_none"));

function kindOf(url) {
  if (url.startsWith("webcam:")) return "webcam";
  return url === "" || /^[a-z][a-z0-9+.-]+:/i.test(url) ? "url" : "file";
}

const recordsOf = (camera) => camera?.settings.recording?.mode ?? "off";

function findsOf(auto) {
  if (!auto) return "none";
  const keys = Object.keys(auto).sort().join();
  if (auto.kind === "motion" && keys === "kind") return "motion";
  if (auto.kind !== "detector" || keys !== "classes,kind") return "other";
  const classes = auto.classes.join();
  return classes === "person" ? "person" : classes === ROAD.join() ? "road" : "other";
}

function nameFrom(url) {
  const host = /^[a-z][a-z0-9+.-]+:\/\/(?:[^/@]*@)?([^/:?#]+)/i.exec(url)?.[1] ?? "camera";
  return host.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 60) || "camera";
}
