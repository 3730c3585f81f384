// The server's events and states of one stream, as lines of the event list.

import { hasText, nameOf, text } from "./strings.js";

const BAD = new Set([
  ...["lost", "failed", "stalled", "source_lost", "frozen", "damaged", "not_finite", "identity_clash", "loitering", "expired"],
]);
const OWN_MS = 3000;
const GAP_AFTER_PAUSE_MS = 5000;
const MAX_TOLD = 1000;

export class Happenings {
  #known = null; // labels by object id, of the last state
  #asked = { kind: "", at: -Infinity };
  #resumedAt = -Infinity;
  #pausing = false;

  /**
   * @param log (words, {colour, bad, at})
   * @param of { colour(id), thumbnail(id): JPEG in base64 of an object now, or nothing }
   * @param told keys of the stream's events that are in the list already, of earlier visits too
   */
  constructor(log, of, told) {
    Object.assign(this, { log, of, told });
  }

  /** What happened before anybody looked here: the server's past events, oldest first. */
  onPast(events) {
    for (const event of events) {
      if (!this.#isNew(event)) continue;
      const { kind, object_id: id, detail, wall_ms: ms } = event;
      if (kind === "added" || kind === "removed" || (kind === "gap" && detail?.reason !== "source_away")) continue;
      this.#tell(kind, id, this.#labelOf(id, detail), detail, new Date(ms));
    }
  }

  /** This page itself asks for what the event `paused` or `resumed` will tell. */
  noteAsked(kind) {
    this.#asked = { kind, at: performance.now() };
  }

  /** The server was away: what it follows now is no news, and it counts its frames anew. */
  forget() {
    this.#known = null;
    this.told.clear();
  }

  onState(status) {
    const now = new Map(status.objects.map((item) => [item.object_id, item.label]));
    if (this.#known !== null) {
      for (const [id, label] of now) if (!this.#known.has(id)) this.#tell("added", id, label, {});
      for (const [id, label] of this.#known) if (!now.has(id)) this.#tell("removed", id, label, {});
    }
    this.#known = now;
    this.#pausing = status.paused;
  }

  onEvent(event) {
    const { kind, object_id: id } = event;
    this.#isNew(event); // and not to be told again as a past one
    if (kind === "added" || kind === "removed") return; // seen in the states, refused clicks are not
    if (kind === "paused" || (kind === "resumed" && !isRestart(event.detail))) return this.#tellPause(kind);
    if (kind === "gap") return this.#tellGap(event.detail ?? {});
    this.#tell(kind, id, this.#labelOf(id, event.detail), event.detail ?? {});
  }

  /** The words for an event; null where there are none. */
  wordsFor({ kind, object_id: id, detail }) {
    return hasText(`event_${kind}`) ? this.#words(kind, id, this.#labelOf(id, detail), detail ?? {}) : null;
  }

  /** Whether an event was not told before; the server tells the newest ones again to who comes later. */
  #isNew({ kind, frame_idx: frame, object_id: id, detail }) {
    const key = `${kind} ${frame} ${id} ${detail?.rule ?? ""}`;
    if (this.told.has(key)) return false;
    this.told.add(key);
    if (this.told.size > MAX_TOLD) this.told.delete(this.told.values().next().value);
    return true;
  }

  /** A camera that was away. The frames of a pause were not watched either, and nobody was away. */
  #tellGap({ reason, seconds }) {
    const afterPause = this.#pausing || performance.now() - this.#resumedAt < GAP_AFTER_PAUSE_MS;
    if (reason === undefined ? afterPause : reason !== "source_away") return;
    const known = typeof seconds === "number" && seconds > 0;
    this.log(known ? text("event_gapSeconds", { seconds: Math.round(seconds * 10) / 10 }) : text("event_gap"), {});
  }

  #tellPause(kind) {
    if (kind === "resumed") this.#resumedAt = performance.now();
    const here = this.#asked.kind === kind && performance.now() - this.#asked.at < OWN_MS;
    this.log(text(`event_${kind}${here ? "Here" : "Elsewhere"}`), {});
  }

  /** What an object is called; one that is gone meanwhile was told with its label. */
  #labelOf(id, detail) {
    return id === null ? "" : (this.#known?.get(id) ?? detail?.label ?? "");
  }

  #words(kind, id, label, detail) {
    if (kind === "resumed" && isRestart(detail)) {
      return text("event_resumedAfterRestart", { count: detail.objects.length, seconds: Math.round(detail.age_s ?? 0) });
    }
    const { rule, direction, dwell_s: dwell, other_id: otherId } = detail;
    const object = id === null ? {} : { object: nameOf(id, label, true) };
    const other = otherId === undefined ? "" : nameOf(otherId, this.#known?.get(otherId));
    return text(`event_${kind}`, { ...object, other, rule, direction, dwell: dwell === undefined ? "" : Math.round(dwell * 10) / 10 });
  }

  #tell(kind, id, label, detail, at) {
    if (!hasText(`event_${kind}`)) return;
    const colour = id === null ? null : this.of.colour(id);
    // Of what happened before nobody has a picture but the server.
    const picture = detail?.thumbnail ?? (id === null || at !== undefined ? undefined : this.of.thumbnail(id));
    this.log(this.#words(kind, id, label, detail), { colour, bad: BAD.has(kind), at, picture });
  }
}

/** Whether `resumed` tells of objects of the server's process before, and not of the end of a pause. */
function isRestart(detail) {
  return detail?.reason === "restarted" && Array.isArray(detail.objects);
}
