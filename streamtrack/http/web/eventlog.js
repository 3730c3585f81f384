// What happened, to be read back: newest first, equal ones merged, kept while the page is open.

import { text } from "./strings.js";

const MAX_ENTRIES = 200;

export class EventLog {
  #entries = [];
  #linkOf = () => null;

  constructor(list, empty) {
    this.list = list;
    this.empty = empty;
  }

  /** @param linkOf (stream, at) => the address of what was recorded then, or null */
  linkTo(linkOf) {
    this.#linkOf = linkOf;
    for (const entry of this.#entries) this.#link(entry);
  }

  /**
   * Notes something.
   * @param stream where it happened; empty for the server as a whole
   * @param colour of the object, or null
   * @param bad whether a person should look at it
   * @param at when it was, a Date
   * @param picture JPEG in base64 of what it happened to, or nothing
   */
  add(stream, words, { colour = null, bad = false, at = new Date(), picture } = {}) {
    const known = this.#entries.findIndex((entry) => entry.stream === stream && entry.words === words);
    let [count, newest] = [1, at];
    if (known >= 0) {
      const [old] = this.#entries.splice(known, 1);
      old.row.remove();
      count = old.count + 1;
      newest = old.at > at ? old.at : at;
    }
    const row = makeRow({ at: newest, stream, words, count, colour, bad, picture });
    const later = this.#entries.findIndex((entry) => entry.at <= newest);
    const place = later < 0 ? this.#entries.length : later;
    this.list.insertBefore(row, this.#entries[place]?.row ?? null);
    this.#entries.splice(place, 0, { at: newest, stream, words, count, row });
    this.#link(this.#entries[place]);
    for (const entry of this.#entries.splice(MAX_ENTRIES)) entry.row.remove();
    this.empty.hidden = true;
  }

  #link({ stream, at, row }) {
    const link = stream ? this.#linkOf(stream, at) : null;
    const moment = row.querySelector(".moment");
    if (link === null) moment.removeAttribute("href");
    else Object.assign(moment, { href: link, title: text("toRecording") });
  }
}

function makeRow({ at, stream, words, count, colour, bad, picture }) {
  const row = document.createElement("li");
  row.classList.toggle("bad", bad);
  if (colour) row.style.setProperty("--tint", colour);
  const time = document.createElement("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const moment = document.createElement("a");
  moment.className = "moment";
  moment.append(time);
  row.append(moment, span("what", words));
  if (count > 1) {
    const times = span("count", `×${count}`);
    times.title = text("times", { count });
    row.append(times);
  }
  if (stream) row.append(span("where", stream));
  if (picture) {
    const image = document.createElement("img");
    Object.assign(image, { className: "thumb", alt: "", src: `data:image/jpeg;base64,${picture}` });
    row.append(image);
  }
  return row;
}

function span(name, words) {
  const node = document.createElement("span");
  node.className = name;
  node.textContent = words;
  return node;
}
