// The keyboard's pointer on the picture: arrow keys move it, and the picture under it where that is enlarged.

export class Cross {
  /** Client coordinates; null while nobody uses it. */
  place = null;

  /** @param stage the Stage; act { click(place, event): Enter; moved() } */
  constructor(stage, act) {
    Object.assign(this, { stage, act });
    stage.element.addEventListener("keydown", (event) => this.#key(event));
    stage.element.addEventListener("blur", () => this.#set(null));
  }

  #key(event) {
    const step = (event.shiftKey ? 1 : 10) * (event.ctrlKey ? 5 : 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.target !== this.stage.element) return;
    if (event.key in moves) this.#move(...moves[event.key]);
    else if (event.key === "Enter" && this.place) this.act.click(this.place, event);
    else return;
    event.preventDefault();
  }

  #move(dx, dy) {
    const rect = this.stage.pictureRect();
    if (!rect) return;
    const box = this.stage.element.getBoundingClientRect();
    const [left, right] = [Math.max(rect.left, box.left), Math.min(rect.left + rect.width, box.right)];
    const [top, bottom] = [Math.max(rect.top, box.top), Math.min(rect.top + rect.height, box.bottom)];
    const [x, y] = this.place ?? [(left + right) / 2, (top + bottom) / 2];
    const inside = (value, low, high) => Math.min(Math.max(value, low + 1), high - 1);
    const [toX, toY] = [inside(x + dx, left, right), inside(y + dy, top, bottom)];
    // At the edge of what is seen the picture moves instead.
    if (!this.stage.zoom.whole) this.stage.zoom.pan(toX - x - dx, toY - y - dy, this.stage.fitted());
    this.#set([toX, toY]);
  }

  #set(place) {
    this.place = place;
    this.act.moved();
  }
}
