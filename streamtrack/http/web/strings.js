// The page's texts in the reader's language. A new language is one more table beside texts-en.js and texts-en-told.js,
// named in TABLES and LANGUAGES; what it leaves out is English.

import { GERMAN } from "./texts-de.js";
import { GERMAN_TOLD } from "./texts-de-told.js";
import { ENGLISH } from "./texts-en.js";
import { ENGLISH_TOLD } from "./texts-en-told.js";

const ENGLISH_TEXTS = { ...ENGLISH, ...ENGLISH_TOLD };
const TABLES = { en: ENGLISH_TEXTS, de: { ...GERMAN, ...GERMAN_TOLD } };
const STORE = "streamtrack.language";

/** The languages that there are, each by its own name. */
export const LANGUAGES = { en: "English", de: "Deutsch" };

/** The first of a reader's languages that there is a table for; English where there is none. */
export function languageFor(wanted) {
  for (const language of wanted) {
    const base = language.toLowerCase().split("-")[0];
    if (base in TABLES) return base;
  }
  return "en";
}

/** The language of this page: the one that was chosen, or the browser's. */
export const language = languageFor([chosenLanguage() ?? "", ...(navigator.languages ?? [navigator.language ?? "en"])]);

const table = { ...ENGLISH_TEXTS, ...TABLES[language] };

/** The language that was chosen on this browser; null where the browser's own holds. */
export function chosenLanguage() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null;
  }
}

/** Shows the page in another language from now on; the browser's with an empty one. */
export function chooseLanguage(wanted) {
  try {
    if (wanted) localStorage.setItem(STORE, wanted);
    else localStorage.removeItem(STORE);
  } catch {
    return; // a browser that keeps nothing shows its own
  }
  location.reload();
}

/**
 * Adds the texts of another part of the page.
 * @param english by name
 * @param others by language, each by name; what one leaves out is English
 */
export const addTexts = (english, others = {}) => Object.assign(table, english, others[language]);

/** Whether there is a text with this name. */
export const hasText = (name) => name in table;

/** A text, with {values} filled in. */
export function text(name, values = {}) {
  return (table[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}

/** What to call an object in a sentence; `start` where the sentence begins with it. */
export function nameOf(id, label = "", start = false) {
  if (label) return text("objectNamed", { id, label });
  return text(start ? "objectStart" : "object", { id });
}

const KIND_OF_STATUS = { 403: "forbidden", 404: "unknown_stream", 408: "timeout", 500: "internal", 502: "none", 504: "timeout" };

/** What an error means for a person; anything but an ApiError means that no answer came. */
export function sentence(error, { numObjects = 0 } = {}) {
  if (typeof error?.status !== "number") return text("error_none");
  let kind = error.kind || KIND_OF_STATUS[error.status] || "";
  if (kind === "capacity" && numObjects === 0) kind = "capacityUnknown";
  const key = `error_${kind}`;
  return hasText(key) ? text(key, { count: numObjects, message: error.message }) : error.message;
}

/** Fills the page's own texts: data-text, and data-title, data-label, data-placeholder for attributes. */
export function fillTexts(root) {
  document.documentElement.lang = language;
  const attributes = { title: "title", label: "aria-label", placeholder: "placeholder" };
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const [name, attribute] of Object.entries(attributes)) {
    for (const node of root.querySelectorAll(`[data-${name}]`)) node.setAttribute(attribute, text(node.dataset[name]));
  }
  for (const template of root.querySelectorAll("template")) fillTexts(template.content);
}
