// Who is told of events beside this page, what is silenced for a while, and the browser's own notifications.

import { send } from "./api.js";
import { text } from "./strings.js";

const KINDS = ["entered", "left", "crossed", "loitering", "lost", "source_lost"];
const BY_DEFAULT = ["entered", "crossed", "loitering", "source_lost"];
const STORE = "streamtrack.notify";
const MINUTES = [15, 60, 480];
const LOOK_MS = 15_000;
const BROWSER = "browser";
const $ = (id) => document.getElementById(id);

export class Alerts {
  #snoozes = [];
  #selects = new Map(); // by element: () => what it silences
  #settings = read();

  /** @param page { act(work): runs what talks to the server, notice(words) } */
  constructor(page) {
    this.page = page;
    $("notify").onclick = () => this.#toggle();
    for (const kind of KINDS) this.#addKind(kind);
    $("notify-only").value = this.#settings.only.join(", ");
    $("notify-only").onchange = () => this.#keep({ only: $("notify-only").value.split(",").map((word) => word.trim()).filter(Boolean) });
    this.#showToggle();
  }

  /** Asks the server now and then; nothing goes wrong where it does not answer. */
  start() {
    this.#load();
    setInterval(() => document.hidden || this.#load(), LOOK_MS);
  }

  /** Makes a <select> silence something; `what()` gives { alert, stream, rule }, any of them left out. */
  bindSnooze(select, label, what) {
    select.setAttribute("aria-label", label);
    select.title = label;
    this.#selects.set(select, what);
    this.#fill(select);
    select.onchange = () => this.page.act(() => this.#snooze(what(), Number(select.value)));
  }

  /** An event of the stream that is shown, and the words for it. */
  onEvent(stream, event, words) {
    const { on, kinds, only } = this.#settings;
    if (!on || !granted() || !kinds.includes(event.kind)) return;
    const { rule = "", class: className, label } = event.detail ?? {};
    if (only.length && ![rule, className, label].some((word) => only.includes(word))) return;
    if (this.#snoozes.some((one) => covers(one, BROWSER, stream, rule))) return;
    const picture = event.detail?.thumbnail;
    try {
      new Notification(words, { body: stream, tag: `${stream} ${event.kind} ${event.object_id} ${rule}`, icon: picture ? `data:image/jpeg;base64,${picture}` : "/web/icon.svg" });
    } catch {
      // Android lets service workers notify only: the list of events has it.
    }
  }

  async #toggle() {
    if (this.#settings.on && granted()) {
      this.#keep({ on: false });
    } else if (!("Notification" in window)) {
      this.page.notice(text("notifyNone"));
    } else {
      // Only ever asked by a person's own click.
      const answer = await Notification.requestPermission();
      if (answer !== "granted") this.page.notice(text("notifyDenied"));
      this.#keep({ on: answer === "granted" });
    }
    this.#showToggle();
  }

  #showToggle() {
    $("notify").setAttribute("aria-pressed", String(this.#settings.on && granted()));
  }

  #addKind(kind) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = this.#settings.kinds.includes(kind);
    box.onchange = () => {
      const kinds = this.#settings.kinds.filter((one) => one !== kind);
      this.#keep({ kinds: box.checked ? [...kinds, kind] : kinds });
    };
    label.append(box, text(`kind_${kind}`));
    $("notify-kinds").append(label);
  }

  #keep(changes) {
    this.#settings = { ...this.#settings, ...changes };
    try {
      localStorage.setItem(STORE, JSON.stringify(this.#settings));
    } catch {
      // then it holds for this visit
    }
  }

  async #load() {
    try {
      this.#show(await send("GET", "/alerts"));
    } catch {
      // The server's trouble shows elsewhere.
    }
  }

  #show({ receivers, snoozes }) {
    this.#snoozes = snoozes;
    const rows = new Map([...$("receivers").children].map((row) => [row.dataset.name, row]));
    for (const receiver of receivers) this.#showReceiver(rows.get(receiver.name) ?? this.#addReceiver(receiver), receiver);
    for (const select of this.#selects.keys()) {
      if (!select.isConnected) this.#selects.delete(select);
      else this.#fill(select);
    }
  }

  #addReceiver({ name }) {
    const row = $("receiver-row").content.firstElementChild.cloneNode(true);
    row.dataset.name = name;
    const shown = name === BROWSER ? text("thisBrowser") : name;
    row.querySelector(".receiver-name").textContent = shown;
    $("receivers").append(row);
    this.bindSnooze(row.querySelector(".snooze"), text("snoozeReceiver", { name: shown }), () => ({ alert: name }));
    return row;
  }

  #showReceiver(row, { kind, waiting, counts, trouble }) {
    const dropped = Object.entries(counts).reduce((sum, [what, count]) => sum + (what.startsWith("dropped") ? count : 0), 0);
    const words = kind === BROWSER ? "" : trouble ?? text("receiverCounts", { sent: counts.sent ?? 0, waiting, dropped });
    const line = row.querySelector(".receiver-counts");
    if (line.textContent !== words) line.textContent = words;
    line.classList.toggle("fault", trouble !== null);
  }

  async #snooze(what, minutes) {
    const same = this.#find(what);
    if (minutes > 0) await send("POST", "/alerts/snoozes", { ...what, seconds: minutes * 60 });
    else if (same) await send("DELETE", `/alerts/snoozes/${same.snooze_id}`);
    await this.#load();
  }

  #find({ alert = null, stream = null, rule = null }) {
    return this.#snoozes.find((one) => one.alert === alert && one.stream === stream && one.rule === rule);
  }

  /** The choices: told, or silent for a while; what is silent says until when. */
  #fill(select) {
    if (select === document.activeElement && select.options.length) return;
    const snooze = this.#find(this.#selects.get(select)());
    const until = snooze && new Date(snooze.until_ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
    const choices = [[0, text("alertsOn")], ...MINUTES.map((minutes) => [minutes, text(`snooze_${minutes}`)])];
    if (snooze) choices.unshift([-1, text("snoozedUntil", { time: until })]);
    select.replaceChildren(...choices.map(([value, words]) => new Option(words, value)));
    select.value = String(snooze ? -1 : 0);
    select.classList.toggle("silent", Boolean(snooze));
  }
}

function covers(snooze, alert, stream, rule) {
  return [[snooze.alert, alert], [snooze.stream, stream], [snooze.rule, rule]].every(([asked, found]) => asked === null || asked === found);
}

const granted = () => "Notification" in window && Notification.permission === "granted";

function read() {
  const nothing = { on: false, kinds: BY_DEFAULT, only: [] };
  try {
    return { ...nothing, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") };
  } catch {
    return nothing;
  }
}
