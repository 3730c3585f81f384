// The list of followed objects. Rows are kept and updated in place, so that a label can be typed while states change.

import { may } from "./role.js";
import { hasText, nameOf, text } from "./strings.js";

export class ObjectList {
  #awaited = null;

  /** @param actions {rename(id, label, former), remove(id), selected(id|null), picked(id): true where a click on a
   * row is for something else; colour(id, label): as it is drawn} */
  constructor(list, template, actions) {
    Object.assign(this, { list, template, actions });
    this.rows = new Map();
    this.items = new Map();
    this.selected = null;
  }

  /** The colour in which an object is drawn. */
  colour(id) {
    return this.actions.colour(id, this.items.get(id)?.label ?? "");
  }

  /** The selected object as { id, label }; null where there is none. */
  get selection() {
    return this.selected === null ? null : { id: this.selected, label: this.items.get(this.selected)?.label ?? "" };
  }

  /** Lets the selected object's label be typed. */
  editLabel() {
    this.rows.get(this.selected)?.querySelector(".label").select();
  }

  /** What the server says of an object; undefined where it is not followed. */
  item(id) {
    return this.items.get(id);
  }

  /** Shows these objects (the server's ObjectInfo); `seen` is false where their states are not of this moment. */
  show(objects, seen) {
    this.items = new Map(objects.map((item) => [item.object_id, item]));
    for (const [id, row] of this.rows) {
      if (this.items.has(id)) continue;
      row.remove();
      this.rows.delete(id);
      if (this.selected === id) this.select(null);
    }
    for (const item of objects) this.#update(this.rows.get(item.object_id) ?? this.#add(item.object_id), item, seen);
    if (this.rows.has(this.#awaited)) this.select(this.#awaited);
  }

  /** Selects an object, now or as soon as the server shows it. */
  selectWhenShown(id) {
    if (!this.select(id)) this.#awaited = id;
  }

  /** Selects an object, or none with null; false where it is not in the list. */
  select(id) {
    if (id !== null && !this.rows.has(id)) return false;
    this.selected = id;
    this.#awaited = null;
    for (const [other, row] of this.rows) {
      row.classList.toggle("selected", other === id);
      row.querySelector(".pick").setAttribute("aria-pressed", String(other === id));
      if (other === id) row.scrollIntoView({ block: "nearest" });
    }
    this.actions.selected(id);
    return true;
  }

  /** Selects by place in the list, from 0. */
  selectNth(n) {
    const id = [...this.rows.keys()][n];
    if (id !== undefined) this.select(this.selected === id ? null : id);
  }

  #update(row, item, seen) {
    row.style.setProperty("--tint", this.actions.colour(item.object_id, item.label));
    const label = row.querySelector(".label");
    if (label !== document.activeElement && label.value !== item.label) label.value = item.label;
    label.readOnly = !may("control");
    if (label.title !== item.label) label.title = item.label; // the field shows the beginning of a long one
    const shown = seen ? item.state : "unseen";
    const state = row.querySelector(".state");
    if (state.dataset.state !== shown) {
      state.dataset.state = shown;
      state.textContent = hasText(`state_${shown}`) ? text(`state_${shown}`) : shown;
      state.title = hasText(`stateTitle_${shown}`) ? text(`stateTitle_${shown}`) : "";
    }
    const score = row.querySelector(".score");
    score.value = shown === "unseen" ? 0 : item.object_score;
    const [visible, mask] = [item.object_score, item.iou_score].map((share) => Math.round(share * 100));
    score.title = shown === "unseen" ? text("stateTitle_unseen") : text("scoreTitle", { visible, mask });
  }

  #add(id) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    const object = nameOf(id);
    row.dataset.id = id;
    row.querySelector(".id").textContent = id;
    const pick = row.querySelector(".pick");
    pick.setAttribute("aria-label", text("selectObject", { object }));
    pick.onclick = () => this.actions.picked(id) || this.select(this.selected === id ? null : id);
    const label = row.querySelector(".label");
    label.setAttribute("aria-label", text("labelOfObject", { object }));
    label.onchange = () => this.actions.rename(id, label.value.trim(), this.items.get(id)?.label ?? "");
    label.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === "Escape") label.blur();
      event.stopPropagation();
    };
    row.querySelector(".score").setAttribute("aria-label", text("visibilityOfObject", { object }));
    const remove = row.querySelector(".remove");
    remove.setAttribute("aria-label", text("removeObject", { object }));
    remove.title = text("removeObject", { object });
    remove.onclick = () => this.actions.remove(id);
    this.rows.set(id, row);
    this.list.append(row);
    return row;
  }
}
