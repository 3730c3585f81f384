// A clip: from, to, cut out by the server, saved; and recordings deleted.

import { imageAddress, send } from "./api.js";
import { text } from "./strings.js";
import { clock, day } from "./timeline-bars.js";

const CUT_LIMIT_MS = 600_000;

export class ClipDesk {
  from = null;
  to = null;

  /** @param player where moments come from; onChange after anything changed; onTrouble (words) */
  constructor(byId, player, { onChange, onTrouble }) {
    Object.assign(this, { byId, player, onChange, onTrouble });
    byId("clip-from").addEventListener("click", () => this.set("from"));
    byId("clip-to").addEventListener("click", () => this.set("to"));
    byId("cut").addEventListener("click", () => this.cut());
    byId("delete").addEventListener("click", () => this.#ask());
    byId("delete-dialog").addEventListener("close", () => this.#delete());
    this.#show();
  }

  /** The clip begins ("from") or ends ("to") at the moment that is shown. */
  set(end) {
    if (this.player.moment === null) return;
    this[end] = Math.round(this.player.moment);
    this.#show();
    this.onChange();
  }

  async cut() {
    const { byId, player, from, to } = this;
    if (player.stream === null || from === null || to === null) return this.onTrouble(text("clipNeeds"));
    byId("cut").disabled = true;
    byId("made").textContent = text("cutting");
    try {
      const body = { stream: player.stream, from_ms: from, to_ms: to, film: player.film, exact: byId("exact").checked };
      const { clip, film, masks } = await send("POST", "/clips", body, { headMs: CUT_LIMIT_MS, limitMs: CUT_LIMIT_MS });
      const told = text("clipMade", { time: clock(clip.start_ms), seconds: (clip.duration_ms / 1000).toFixed(1) });
      byId("made").replaceChildren(told, link(film, text("clipFilm"), `${clip.file_name}.mp4`), link(masks, text("clipMasks"), `${clip.file_name}.masks.jsonl`));
    } catch (error) {
      byId("made").textContent = "";
      this.onTrouble(error.message);
    } finally {
      byId("cut").disabled = false;
    }
  }

  #ask() {
    const { player, from, to } = this;
    if (player.stream === null || from === null || to === null) return this.onTrouble(text("clipNeeds"));
    const times = { from: `${day(from)} ${clock(from)}`, to: `${day(to)} ${clock(to)}` };
    this.byId("delete-question").textContent = text("deleteQuestion", { stream: player.stream, ...times });
    this.byId("delete-dialog").returnValue = "";
    this.byId("delete-dialog").showModal();
  }

  async #delete() {
    if (this.byId("delete-dialog").returnValue !== "delete") return;
    try {
      const query = new URLSearchParams({ from_ms: this.from, to_ms: this.to });
      const { deleted } = await send("DELETE", `/recordings/${encodeURIComponent(this.player.stream)}?${query}`);
      this.byId("made").textContent = text("deleted", { count: deleted });
      this.onChange();
    } catch (error) {
      this.onTrouble(error.message);
    }
  }

  #show() {
    const told = (ms) => (ms === null ? "–" : clock(ms));
    this.byId("clip-from").textContent = text("clipFrom", { time: told(this.from) });
    this.byId("clip-to").textContent = text("clipTo", { time: told(this.to) });
  }
}

function link(path, words, name) {
  const node = document.createElement("a");
  Object.assign(node, { href: imageAddress(path), textContent: words, download: name });
  return node;
}
