// All streams as small stills: a strip beside the large picture, or the whole page. A still is drawn by the server 320
// pixels wide and fetched once in a while, so many streams cost little.

import { download } from "./api.js";
import { text } from "./strings.js";

const STILL_MS = 1000; // in the grid
const STRIP_STILL_MS = 3000;
const SLOW_MS = 8000; // of a stream that has no picture
const $ = (id) => document.getElementById(id);

export class Grid {
  #tiles = new Map(); // by name: { item, canvas, state, nextAt, asking }
  #whole = false;
  #shown = null;

  /** @param act { choose(name): show it large; whole(is): the grid has the page, or has it not } */
  constructor(act) {
    this.act = act;
    $("all-streams").onclick = () => this.toggle();
    setInterval(() => this.#fetchDue(), 200);
  }

  /** Whether the grid has the page to itself. */
  get whole() {
    return this.#whole;
  }

  toggle(whole = !this.#whole) {
    if (this.#tiles.size < 2) whole = false;
    if (whole === this.#whole) return;
    this.#whole = whole;
    document.body.classList.toggle("all", whole);
    $("all-streams").setAttribute("aria-pressed", String(whole));
    for (const tile of this.#tiles.values()) tile.nextAt = 0;
    this.act.whole(whole);
    const focused = this.#tiles.get(this.#shown)?.item.querySelector("button");
    if (whole) focused?.focus();
    else $("stage").focus({ preventScroll: true });
  }

  /** @param statuses every stream's, in their order; shown: the name of the one that is large */
  show(statuses, shown) {
    this.#shown = shown;
    const names = new Set(statuses.map((one) => one.name));
    for (const [name, { item }] of this.#tiles) {
      if (names.has(name)) continue;
      item.remove();
      this.#tiles.delete(name);
    }
    statuses.forEach((status, at) => {
      const tile = this.#tiles.get(status.name) ?? this.#add(status.name);
      if ($("tiles").children[at] !== tile.item) $("tiles").insertBefore(tile.item, $("tiles").children[at] ?? null);
      this.#update(tile, status, shown);
    });
    const several = statuses.length > 1;
    $("tiles").hidden = !several;
    $("all-streams").hidden = !several;
    if (!several) this.toggle(false);
  }

  /** The stream before or after the one that is large. */
  neighbour(by) {
    const names = [...$("tiles").children].map((item) => item.dataset.stream);
    const at = names.indexOf(this.#shown);
    return at < 0 ? null : names[(at + by + names.length) % names.length];
  }

  #add(name) {
    const item = $("tile").content.firstElementChild.cloneNode(true);
    item.dataset.stream = name;
    item.querySelector(".tile-name").textContent = name;
    item.querySelector("button").onclick = () => this.act.choose(name);
    const tile = { item, canvas: item.querySelector("canvas"), state: "", nextAt: 0, asking: false };
    this.#tiles.set(name, tile);
    return tile;
  }

  #update(tile, status, shown) {
    const { item } = tile;
    const button = item.querySelector("button");
    button.setAttribute("aria-pressed", String(status.name === shown));
    tile.state = status.paused && status.state === "online" ? "paused" : status.state;
    item.querySelector("i").dataset.state = { online: "live", paused: "paused", ended: "ended", loading: "connecting", connecting: "connecting" }[tile.state] ?? "offline";
    const count = status.objects.length;
    const words = tile.state === "online" ? text("tileObjects", { count }) : text({ online: "live" }[tile.state] ?? tile.state);
    const node = item.querySelector(".tile-state");
    if (node.textContent !== words) node.textContent = words;
    button.setAttribute("aria-label", text("tileTitle", { name: status.name, state: words }));
    tile.canvas.classList.toggle("dead", tile.state !== "online" && tile.state !== "paused" && tile.state !== "ended");
  }

  /** One still at a time for each stream, and only where somebody can see it. */
  #fetchDue() {
    if (document.hidden || $("tiles").hidden) return;
    const now = performance.now();
    for (const [name, tile] of this.#tiles) {
      if (!tile.asking && now >= tile.nextAt && tile.item.checkVisibility?.() !== false) this.#fetch(name, tile);
    }
  }

  async #fetch(name, tile) {
    tile.asking = true;
    let waitMs = this.#whole ? STILL_MS : STRIP_STILL_MS;
    try {
      const blob = await download(`/streams/${encodeURIComponent(name)}/snapshot.jpg?view=small`);
      const picture = await createImageBitmap(blob);
      Object.assign(tile.canvas, { width: picture.width, height: picture.height });
      tile.canvas.getContext("2d").drawImage(picture, 0, 0);
      picture.close();
    } catch {
      waitMs = SLOW_MS; // its state says why
    } finally {
      tile.asking = false;
      tile.nextAt = performance.now() + waitMs;
    }
  }
}
