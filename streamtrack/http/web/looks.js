// How this browser shows objects: style, colours, what else is drawn. Kept by the browser, never sent to the server.

const STORE = "streamtrack.looks";
const MAX_OWN = 200; // objects and names with a colour or a style of their own

/** Styles that the page draws by itself. */
export const STYLES = ["fill", "outline", "spotlight", "blur", "redact", "hide"];
/** The server's own drawing, which everybody without a page like this one sees. */
export const BURNT = "burnt";
/** Styles in which the page draws the whole picture, so that none is seen before it was changed. */
export const OPAQUE = new Set(["spotlight", "blur", "redact"]);

const DEFAULTS = { style: "fill", trails: false, tags: true, rules: true, colours: {}, styles: {} };

export class Looks {
  #settings = { ...DEFAULTS, ...read() };

  /** @param palette the picture's colours by object id; changed() */
  constructor(palette, changed) {
    Object.assign(this, { palette, changed });
    if (![...STYLES, BURNT].includes(this.#settings.style)) this.#settings.style = DEFAULTS.style;
  }

  get style() {
    return this.#settings.style;
  }
  get trails() {
    return this.#settings.trails;
  }
  get tags() {
    return this.#settings.tags;
  }
  get rules() {
    return this.#settings.rules;
  }

  /** The colour of an object; one that is named has its name's, on every stream. */
  colour(stream, id, label) {
    return this.#settings.colours[keyOf(stream, id, label)] ?? this.palette[id % this.palette.length];
  }

  /** The style of an object; null where it is that of all. */
  ownStyle(stream, id, label) {
    return this.#settings.styles[keyOf(stream, id, label)] ?? null;
  }

  setColour(stream, id, label, colour) {
    this.#setOwn("colours", keyOf(stream, id, label), colour);
  }

  /** @param style one of STYLES; null for that of all */
  setOwnStyle(stream, id, label, style) {
    this.#setOwn("styles", keyOf(stream, id, label), style);
  }

  /** @param changes any of { style, trails, tags, rules } */
  set(changes) {
    this.#settings = { ...this.#settings, ...changes };
    write(this.#settings);
    this.changed();
  }

  #setOwn(kind, key, value) {
    const own = { ...this.#settings[kind] };
    delete own[key];
    if (value !== null) own[key] = value;
    this.set({ [kind]: Object.fromEntries(Object.entries(own).slice(-MAX_OWN)) });
  }
}

const keyOf = (stream, id, label) => (label ? `name ${label}` : `${stream} ${id}`);

function read() {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "{}");
  } catch {
    return {};
  }
}

function write(settings) {
  try {
    localStorage.setItem(STORE, JSON.stringify(settings));
  } catch {
    // then it holds for this visit
  }
}
