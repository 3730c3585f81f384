// Events of the time that is shown: searched on the server, listed with their pictures, jumped to.

import { imageAddress, send } from "./api.js";
import { hasText, text } from "./strings.js";
import { clock, day } from "./timeline-bars.js";

const PAGE = 100;
const MARKS = 1000;
const BAD = new Set(["lost", "source_lost", "failed", "stalled", "identity_clash", "recording_stopped", "damaged"]);
const KINDS = ["added", "removed", "lost", "found", "mended", "entered", "left", "loitering", "crossed", "identity_clash", "scene_cut",
  "source_lost", "failed", "recording_stopped"];
const FIELDS = { stream: "f-stream", kind: "f-kind", class: "f-class", label: "f-label", rule: "f-rule", object_id: "f-object" };

const wordOf = (kind) => (hasText(`kind_${kind}`) ? text(`kind_${kind}`) : kind.replaceAll("_", " "));

export class PastEvents {
  #all = [];
  #next = null;
  #asked = 0;

  /**
   * @param onJump (event) where one is chosen
   * @param onFound (events) the marks of the time shown
   */
  constructor(byId, { onJump, onFound }) {
    Object.assign(this, { byId, onJump, onFound });
    this.view = [0, 1];
    for (const kind of KINDS) byId("f-kind").append(new Option(wordOf(kind), kind));
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search(this.view);
    });
    for (const id of ["f-stream", "f-kind"]) byId(id).addEventListener("change", () => this.search(this.view));
    byId("more").addEventListener("click", () => this.#more());
  }

  /** Offers these streams in the filter. */
  offer(streams) {
    const select = this.byId("f-stream");
    const known = [...select.options].slice(1).map((option) => option.value);
    if (known.join() === streams.join()) return;
    const chosen = select.value;
    for (const option of [...select.options].slice(1)) option.remove();
    for (const stream of streams) select.append(new Option(stream, stream));
    select.value = streams.includes(chosen) ? chosen : "";
  }

  async search(view) {
    this.view = view;
    const asked = ++this.#asked;
    const found = await send("GET", `/events/history?${this.#query(MARKS)}`);
    if (asked !== this.#asked) return;
    this.#all = found.events;
    this.#next = found.next_id;
    this.#show(PAGE);
    this.onFound(this.#all.map(({ stream, wall_ms, kind }) => ({ stream, wall_ms, bad: BAD.has(kind) })));
  }

  /** The next event after a moment (or the one before), of a stream where there is one; null where there is none. */
  beside(ms, stream, after) {
    const events = this.#all.filter((event) => stream === null || event.stream === stream);
    const ordered = after ? events.toReversed() : events;
    return ordered.find((event) => (after ? event.wall_ms > ms + 300 : event.wall_ms < ms - 300)) ?? null;
  }

  #query(limit) {
    const query = new URLSearchParams({ limit, from_ms: Math.floor(this.view[0]), to_ms: Math.ceil(this.view[1]) });
    for (const [key, id] of Object.entries(FIELDS)) {
      const value = this.byId(id).value.trim();
      if (key === "kind" && value !== "*") for (const kind of value ? [value] : KINDS) query.append(key, kind);
      else if (key !== "kind" && value) query.append(key, value);
    }
    return query;
  }

  #show(count) {
    this.shown = count;
    this.byId("events").replaceChildren(...this.#all.slice(0, count).map((event) => this.#row(event)));
    this.byId("no-events").hidden = this.#all.length > 0;
    this.byId("more").hidden = count >= this.#all.length && this.#next === null;
  }

  async #more() {
    if (this.shown >= this.#all.length && this.#next !== null) {
      const query = this.#query(MARKS);
      query.set("before_id", this.#next);
      const found = await send("GET", `/events/history?${query}`);
      this.#all = [...this.#all, ...found.events];
      this.#next = found.next_id;
    }
    this.#show(this.shown + PAGE);
  }

  #row(event) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "jump";
    button.dataset.id = event.id;
    button.classList.toggle("bad", BAD.has(event.kind));
    const time = document.createElement("time");
    time.dateTime = new Date(event.wall_ms).toISOString();
    time.textContent = clock(event.wall_ms);
    time.title = day(event.wall_ms);
    button.append(time, span("what", this.#words(event)));
    button.append(span("where", [event.stream, event.rule, event.class_name].filter(Boolean).join(" · ")));
    if (event.has_thumbnail) {
      const image = document.createElement("img");
      Object.assign(image, { className: "thumb", alt: "", loading: "lazy", src: imageAddress(`/events/history/${event.id}/thumbnail.jpg`) });
      button.append(image);
    }
    button.addEventListener("click", () => {
      for (const other of this.byId("events").querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
      button.setAttribute("aria-current", "true");
      this.onJump(event);
    });
    item.append(button);
    return item;
  }

  #words({ kind, object_id: id, label, detail }) {
    const who = id === null ? "" : `${id} ${label}`.trim();
    return [who, wordOf(kind), detail.direction ?? detail.reason ?? ""].filter(Boolean).join(" ");
  }
}

function span(name, words) {
  const node = document.createElement("span");
  node.className = name;
  node.textContent = words;
  return node;
}
