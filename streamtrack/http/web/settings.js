// The controls of how things look: the style of the overlay, what else is drawn, light or dark, the language.

import { BURNT, STYLES } from "./looks.js";
import { LANGUAGES, chooseLanguage, chosenLanguage, text } from "./strings.js";
import { THEMES, chooseTheme, themeNow } from "./theme.js";

const CHECKS = { "look-tags": "tags", "look-rules": "rules", "look-trails": "trails" };
const $ = (id) => document.getElementById(id);

export class Settings {
  /**
   * @param looks the Looks
   * @param page { stream(): its name; selected(): { id, label } or null; drawn(): whether the page draws masks now }
   */
  constructor(looks, page) {
    Object.assign(this, { looks, page });
    fill($("style"), [...STYLES, BURNT].map((style) => [style, text(`style_${style}`)]));
    fill($("own-style"), ["", ...STYLES].map((style) => [style, text(style ? `style_${style}` : "styleAsAll")]));
    $("style").onchange = () => looks.set({ style: $("style").value });
    for (const [id, name] of Object.entries(CHECKS)) $(id).onchange = () => looks.set({ [name]: $(id).checked });
    $("own-style").onchange = () => this.#withSelected(({ id, label }) => looks.setOwnStyle(page.stream(), id, label, $("own-style").value || null));
    $("own-colour").oninput = () => this.#withSelected(({ id, label }) => looks.setColour(page.stream(), id, label, $("own-colour").value));
    fill($("theme"), THEMES.map((theme) => [theme, text(`theme_${theme}`)]));
    $("theme").value = themeNow();
    $("theme").onchange = () => chooseTheme($("theme").value);
    fill($("language"), [["", text("languageAuto")], ...Object.entries(LANGUAGES)]);
    $("language").value = chosenLanguage() ?? "";
    $("language").onchange = () => chooseLanguage($("language").value);
    $("help").onclick = () => this.help();
    this.show();
  }

  help() {
    if ($("help-dialog").open) return;
    $("help-dialog").showModal();
    $("help-dialog").scrollTop = 0; // its button has the focus, and that is below
  }

  /** The next style, the first after the last. */
  nextStyle() {
    const all = [...STYLES, BURNT];
    const style = all[(all.indexOf(this.looks.style) + 1) % all.length];
    this.looks.set({ style });
    return text(`style_${style}`);
  }

  show() {
    const { looks } = this;
    $("style").value = looks.style;
    for (const [id, name] of Object.entries(CHECKS)) {
      $(id).checked = looks[name];
      $(id).disabled = looks.style === BURNT;
    }
    const words = text(looks.style === BURNT ? "noteBurnt" : "noteRedact");
    if ($("look-note").textContent !== words) $("look-note").textContent = words;
    const selected = this.page.selected();
    if (selected === null) return;
    const where = [this.page.stream(), selected.id, selected.label];
    if (document.activeElement !== $("own-style")) $("own-style").value = looks.ownStyle(...where) ?? "";
    if (document.activeElement !== $("own-colour")) $("own-colour").value = looks.colour(...where);
    $("own-style").disabled = $("own-colour").disabled = looks.style === BURNT;
  }

  #withSelected(work) {
    const selected = this.page.selected();
    if (selected !== null) work(selected);
  }
}

function fill(select, choices) {
  select.replaceChildren(...choices.map(([value, words]) => new Option(words, value)));
}
