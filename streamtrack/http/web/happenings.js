// The server's events and states of one stream, as lines of the event list.

import { hasText, nameOf, text } from "./strings.js";

const BAD = new Set(["lost", "failed", "stalled", "source_lost", "frozen", "damaged", "not_finite"]);
const OWN_MS = 3000;
const GAP_AFTER_PAUSE_MS = 5000;

export class Happenings {
  #known = null; // labels by object id, of the last state
  #asked = { kind: "", at: -Infinity };
  #resumedAt = -Infinity;
  #pausing = false;

  /** @param log (words, {colour, bad}) */
  constructor(log, colourOf) {
    this.log = log;
    this.colourOf = colourOf;
  }

  /** This page itself asks for what the event `paused` or `resumed` will tell. */
  noteAsked(kind) {
    this.#asked = { kind, at: performance.now() };
  }

  /** The server was away: what it follows now is no news. */
  forget() {
    this.#known = null;
  }

  onState(status) {
    const now = new Map(status.objects.map((item) => [item.object_id, item.label]));
    if (this.#known !== null) {
      for (const [id, label] of now) if (!this.#known.has(id)) this.#tell("added", id, label);
      for (const [id, label] of this.#known) if (!now.has(id)) this.#tell("removed", id, label);
    }
    this.#known = now;
    this.#pausing = status.paused;
  }

  onEvent(event) {
    const { kind, object_id: id } = event;
    if (kind === "added" || kind === "removed") return; // seen in the states, refused clicks are not
    if (kind === "paused" || kind === "resumed") return this.#tellPause(kind);
    // The frames of a pause were not watched: nobody was away.
    if (kind === "gap" && (this.#pausing || performance.now() - this.#resumedAt < GAP_AFTER_PAUSE_MS)) return;
    if (id !== null) this.#tell(kind, id, this.#known?.get(id) ?? "");
    else if (hasText(`event_${kind}`)) this.log(text(`event_${kind}`), { bad: BAD.has(kind) });
  }

  #tellPause(kind) {
    if (kind === "resumed") this.#resumedAt = performance.now();
    const here = this.#asked.kind === kind && performance.now() - this.#asked.at < OWN_MS;
    this.log(text(`event_${kind}${here ? "Here" : "Elsewhere"}`), {});
  }

  #tell(kind, id, label) {
    if (!hasText(`event_${kind}`)) return;
    this.log(text(`event_${kind}`, { object: nameOf(id, label, true) }), { colour: this.colourOf(id), bad: BAD.has(kind) });
  }
}
