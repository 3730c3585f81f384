// Which stream is shown: the picker and the address, each following the other.

/** The stream that the address names; empty where it names none. */
export function namedInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1); // a lone % in a hand-written address
  }
}

export class Picker {
  #names = [];
  #shown = null;

  /**
   * @param onChoose (name) where another stream is to be shown
   * @param onUnknown (name, shown) where the address names a stream that there is none of
   */
  constructor(box, select, onChoose, onUnknown) {
    Object.assign(this, { box, select, onChoose, onUnknown });
    select.onchange = () => this.choose(select.value);
    addEventListener("popstate", () => this.#followAddress());
  }

  /** Offers these streams and shows the one that the address names, or the first. */
  offer(names) {
    if (names.join("\n") === this.#names.join("\n")) return;
    if (this.#shown !== null && !names.includes(this.#shown)) this.#shown = null; // it was taken away
    this.#names = names;
    this.select.replaceChildren(...names.map((name) => new Option(name, name)));
    this.box.hidden = names.length < 2;
    this.#followAddress();
  }

  /** Shows a stream as if it were picked. */
  choose(name) {
    if (name === null || name === this.#shown || !this.#names.includes(name)) return;
    // Each choice is a place that the browser's Back returns to.
    history.pushState(null, "", `#${encodeURIComponent(name)}`);
    this.#choose(name);
  }

  #followAddress() {
    if (!this.#names.length) return;
    const wanted = namedInAddress();
    const name = this.#names.includes(wanted) ? wanted : (this.#shown ?? this.#names[0]);
    if (wanted !== name) history.replaceState(null, "", `#${encodeURIComponent(name)}`);
    this.#choose(name);
    if (wanted && wanted !== name) this.onUnknown(wanted, name);
  }

  #choose(name) {
    this.select.value = name;
    document.title = `${name} · streamtrack`;
    if (name === this.#shown) return;
    this.#shown = name;
    this.onChoose(name);
  }
}
