// The picked objects and, under each, the frames that it has prompts on.

import { text } from "./strings.js";

export class PickList {
  #rows = new Map();
  #prompts = [];
  selected = null;

  /** @param act { rename(id, label), remove(id), clear(id, frame), goTo(frame), selected(id|null) } */
  constructor(list, template, palette, act) {
    Object.assign(this, { list, template, palette, act });
  }

  colour(id) {
    return this.palette[id % this.palette.length];
  }

  get ids() {
    return [...this.#rows.keys()];
  }

  /** Shows the server's objects and prompts; `frame` is the one that is looked at. */
  show(objects, prompts, frame) {
    this.#prompts = prompts;
    const known = new Set(objects.map((one) => one.object_id));
    for (const [id, row] of this.#rows) {
      if (known.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
      if (this.selected === id) this.select(null);
    }
    for (const { object_id: id, label } of objects) {
      const row = this.#rows.get(id) ?? this.#add(id);
      const field = row.querySelector(".label");
      if (field !== document.activeElement && field.value !== label) field.value = label;
      field.title = label;
      const chips = prompts.filter((prompt) => prompt.object_id === id).map((prompt) => this.#chip(prompt));
      this.#replace(row.querySelector(".chips"), chips);
    }
    this.#sort(objects.map((one) => one.object_id));
    this.look(frame);
  }

  /** Rows in the server's order: one that an undo brought back goes to its old place. */
  #sort(ids) {
    if ([...this.#rows.keys()].join() === ids.join()) return;
    this.#rows = new Map(ids.map((id) => [id, this.#rows.get(id)]));
    this.list.append(...this.#rows.values());
  }

  /** Marks the chips of a frame. */
  look(frame) {
    for (const chip of this.list.querySelectorAll(".chips li")) chip.classList.toggle("here", Number(chip.dataset.frame) === frame);
  }

  /** Says where nothing was found: object ids of a frame. */
  nothing(frame, ids) {
    for (const [id, row] of this.#rows) {
      const chip = row.querySelector(`.chips li[data-frame="${frame}"] button`);
      chip?.classList.toggle("nothing", ids.includes(id));
    }
  }

  select(id) {
    if (id !== null && !this.#rows.has(id)) return;
    this.selected = id;
    for (const [other, row] of this.#rows) {
      row.classList.toggle("selected", other === id);
      row.querySelector(".pick").setAttribute("aria-pressed", String(other === id));
      if (other === id) row.scrollIntoView({ block: "nearest" });
    }
    this.act.selected(id);
  }

  /** The chips again, and the focus where it was: a person may be among them with the keyboard. */
  #replace(list, chips) {
    const focused = document.activeElement;
    const at = list.contains(focused) ? [focused.closest("li").dataset.frame, focused.className] : null;
    list.replaceChildren(...chips);
    if (at) list.querySelector(`li[data-frame="${at[0]}"] button`)?.focus();
    list.hidden = !chips.length;
  }

  #chip(prompt) {
    const { object_id: id, frame_idx: frame } = prompt;
    const item = document.createElement("li");
    item.dataset.frame = frame;
    const go = document.createElement("button");
    const what = describe(prompt);
    Object.assign(go, { type: "button", textContent: text("pick_chip", { frame, what }) });
    go.setAttribute("aria-label", text("pick_goTo", { id, frame, what }));
    go.onclick = () => {
      this.select(id);
      this.act.goTo(frame);
    };
    const clear = document.createElement("button");
    Object.assign(clear, { type: "button", textContent: "×", title: text("pick_clear", { id, frame }) });
    clear.setAttribute("aria-label", text("pick_clear", { id, frame }));
    clear.onclick = () => this.act.clear(id, frame);
    item.append(go, clear);
    return item;
  }

  #add(id) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.id = id;
    row.style.setProperty("--tint", this.colour(id));
    row.querySelector(".id").textContent = id;
    const pick = row.querySelector(".pick");
    pick.setAttribute("aria-label", text("pick_select", { id }));
    pick.onclick = () => this.select(this.selected === id ? null : id);
    const label = row.querySelector(".label");
    label.setAttribute("aria-label", text("pick_labelOf", { id }));
    label.onchange = () => this.act.rename(id, label.value.trim());
    label.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === "Escape") label.blur();
      event.stopPropagation();
    };
    const remove = row.querySelector(".remove");
    remove.setAttribute("aria-label", text("pick_remove", { id }));
    remove.title = text("pick_remove", { id });
    remove.onclick = () => this.act.remove(id);
    this.#rows.set(id, row);
    this.list.append(row);
    return row;
  }
}

/** What a prompt consists of, such as `box ++−`. */
function describe({ labels, box, mask }) {
  if (mask) return text("pick_mask");
  const points = labels.map((label) => (label ? "+" : "−")).join("");
  return [box ? text("pick_box") : "", points].filter(Boolean).join(" ");
}
