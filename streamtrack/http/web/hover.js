// What is under the pointer, told beside it.

const AWAY_PX = 14;

export class Hover {
  /** @param details (point) => words for a pixel of the frame, empty where there is nothing */
  constructor(box, stage, details) {
    Object.assign(this, { box, stage, details });
  }

  /** The pointer is at a pixel of the frame, at client coordinates; null, null where it is elsewhere. */
  at(point, place) {
    const words = point === null ? "" : this.details(point);
    this.box.hidden = words === "";
    if (words === "") return;
    if (this.box.textContent !== words) this.box.textContent = words;
    const stage = this.stage.getBoundingClientRect();
    const room = stage.width - this.box.offsetWidth - 4;
    const left = Math.min(place[0] - stage.left + AWAY_PX, Math.max(4, room));
    const below = place[1] - stage.top + AWAY_PX;
    const top = below + this.box.offsetHeight > stage.height ? place[1] - stage.top - AWAY_PX - this.box.offsetHeight : below;
    this.box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}
