// Cameras that are added, changed and removed while the server runs: the list of them, and what is asked about each.

import { send } from "./api.js";
import { addCameraDialogs } from "./cameras-dialogs.js";
import { CameraForm, wordsOf } from "./cameras-form.js";
import "./cameras-texts.js";
import { fillTexts, text } from "./strings.js";

const $ = (id) => document.getElementById(id);

export class Cameras {
  #info = null;

  /**
   * @param button what opens the list
   * @param on { changed(): streams are others now; refused(error) }
   */
  constructor(button, on) {
    this.on = on;
    addCameraDialogs(fillTexts);
    this.dialog = $("cameras-dialog");
    this.form = new CameraForm({ saved: (name) => this.#saved(name), back: () => this.open() });
    button.onclick = () => this.open();
    $("camera-add").onclick = () => this.#ask(null);
    $("config-reload").onclick = () => this.#reload();
  }

  /** Shows the list. */
  async open() {
    try {
      this.#info = await send("GET", "/cameras");
    } catch (error) {
      this.on.refused(error);
      return;
    }
    this.#show();
    if (!this.dialog.open) {
      this.#tell("");
      this.dialog.showModal();
    }
  }

  #show() {
    const { cameras, stored, reloads } = this.#info;
    $("cameras-note").textContent = text(stored ? "camerasStored" : "camerasNotStored");
    $("config-reload").hidden = !reloads;
    $("camera-list").replaceChildren(...cameras.map((camera) => this.#row(camera)));
  }

  #row(camera) {
    const row = $("camera-row").content.firstElementChild.cloneNode(true);
    const { name, settings, origin, fault } = camera;
    const mine = origin !== "config";
    row.querySelector(".rule-name").textContent = name;
    const counts = row.querySelector(".rule-counts");
    counts.textContent = fault || (mine ? settings.source.url : `${settings.source.url} · ${text("camerasFixed")}`);
    counts.classList.toggle("fault", fault !== "");
    const [change, remove] = row.querySelectorAll("button");
    change.hidden = remove.hidden = !mine;
    change.title = text("cameraChangeTitle", { name });
    remove.title = text("cameraRemove", { name });
    for (const button of [change, remove]) button.setAttribute("aria-label", button.title);
    change.onclick = () => this.#ask(camera);
    remove.onclick = () => this.#askRemove(name);
    return row;
  }

  #ask(camera) {
    this.dialog.close();
    this.form.ask(this.#info, camera);
  }

  #saved(name) {
    const isNew = !this.#info.cameras.some((one) => one.name === name);
    // The address names the stream that is shown once the list has it.
    if (isNew) history.pushState(null, "", `#${encodeURIComponent(name)}`);
    this.on.changed();
  }

  #askRemove(name) {
    const dialog = $("camera-remove-dialog");
    $("camera-remove-question").textContent = text("cameraRemoveQuestion", { name });
    $("camera-remove-wrong").hidden = true;
    dialog.querySelector("form").onsubmit = async (event) => {
      event.preventDefault();
      if (event.submitter?.value !== "remove") return dialog.close();
      try {
        await send("DELETE", `/streams/${encodeURIComponent(name)}`);
      } catch (error) {
        $("camera-remove-wrong").textContent = wordsOf(error);
        $("camera-remove-wrong").hidden = false;
        return;
      }
      dialog.close();
      this.on.changed();
      await this.open();
    };
    dialog.showModal();
  }

  async #reload() {
    try {
      const { added, changed, removed, needs_restart: later } = await send("POST", "/config/reload", undefined, {
        headMs: 60_000,
        limitMs: 60_000,
      });
      const names = (list) => list.join(", ") || text("none");
      const words = { added: names(added), changed: names(changed), removed: names(removed) };
      this.#tell(text("configReloaded", words) + (later.length ? ` ${text("configLater", { later: later.join(", ") })}` : ""));
      this.on.changed();
      await this.open();
    } catch (error) {
      this.#tell(wordsOf(error));
    }
  }

  #tell(line) {
    $("cameras-told").textContent = line;
    $("cameras-told").hidden = line === "";
  }
}
