// The names that this browser offers where an object is labelled: those that were given before, and a list of one's own.

const STORE = "streamtrack.names";
const MOST = 300;
const $ = (id) => document.getElementById(id);

export class Names {
  #names = read();

  constructor() {
    $("names-list").onchange = () => this.#set($("names-list").value.split("\n").map((name) => name.trim()));
    this.#show();
  }

  /** A label was given. */
  add(name) {
    if (name && !this.#names.includes(name)) this.#set([...this.#names, name]);
  }

  #set(names) {
    this.#names = [...new Set(names.filter(Boolean))].slice(-MOST);
    try {
      localStorage.setItem(STORE, JSON.stringify(this.#names));
    } catch {
      // then they hold for this visit
    }
    this.#show();
  }

  #show() {
    $("names").replaceChildren(...this.#names.map((name) => new Option(name, name)));
    if (document.activeElement !== $("names-list")) $("names-list").value = this.#names.join("\n");
  }
}

function read() {
  try {
    const names = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
