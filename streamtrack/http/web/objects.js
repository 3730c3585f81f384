// The list of followed objects. Rows are kept and updated in place, so that a label can be typed while states change.

export class ObjectList {
  /** @param actions {rename(id, label), remove(id), selected(id|null)} */
  constructor(list, template, palette, actions) {
    Object.assign(this, { list, template, palette, actions });
    this.rows = new Map();
    this.selected = null;
  }

  /** The colour that the picture gives an object. */
  colour(id) {
    return this.palette[id % this.palette.length];
  }

  /** Shows these objects (the server's ObjectInfo). */
  show(objects) {
    const seen = new Set(objects.map((item) => item.object_id));
    for (const [id, row] of this.rows) {
      if (seen.has(id)) continue;
      row.remove();
      this.rows.delete(id);
      if (this.selected === id) this.select(null);
    }
    for (const item of objects) {
      const row = this.rows.get(item.object_id) ?? this.#add(item);
      const label = row.querySelector(".label");
      if (label !== document.activeElement && label.value !== item.label) label.value = item.label;
      const state = row.querySelector(".state");
      if (state.dataset.state !== item.state) {
        state.dataset.state = item.state;
        state.textContent = item.state;
      }
      const score = row.querySelector(".score");
      score.value = item.object_score;
      score.title = `visible ${percent(item.object_score)}, mask ${percent(item.iou_score)}`;
    }
  }

  /** Selects an object, or none with null. */
  select(id) {
    if (id !== null && !this.rows.has(id)) return;
    this.selected = id;
    for (const [other, row] of this.rows) {
      row.classList.toggle("selected", other === id);
      row.querySelector(".pick").setAttribute("aria-pressed", String(other === id));
    }
    this.actions.selected(id);
  }

  /** Selects by place in the list, from 0. */
  selectNth(n) {
    const id = [...this.rows.keys()][n];
    if (id !== undefined) this.select(this.selected === id ? null : id);
  }

  #add(item) {
    const id = item.object_id;
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.id = id;
    row.style.setProperty("--tint", this.colour(id));
    row.querySelector(".id").textContent = id;
    const pick = row.querySelector(".pick");
    pick.setAttribute("aria-label", `Select object ${id}`);
    pick.onclick = () => this.select(this.selected === id ? null : id);
    const label = row.querySelector(".label");
    label.setAttribute("aria-label", `Label of object ${id}`);
    label.onchange = () => this.actions.rename(id, label.value.trim());
    label.onkeydown = (event) => {
      if (event.key === "Enter" || event.key === "Escape") label.blur();
      event.stopPropagation();
    };
    row.querySelector(".score").setAttribute("aria-label", `Visibility of object ${id}`);
    const remove = row.querySelector(".remove");
    remove.setAttribute("aria-label", `Remove object ${id}`);
    remove.onclick = () => this.actions.remove(id);
    this.rows.set(id, row);
    this.list.append(row);
    return row;
  }
}

const percent = (share) => `${Math.round(share * 100)} %`;
