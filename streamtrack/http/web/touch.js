// Wheel, pinch and the other mouse buttons on the picture: they enlarge it and move it.

const WHEEL_SHARE = 0.0018;

export class Touch {
  #pointers = new Map(); // by id: client coordinates
  #drag = null; // a mouse button that moves the picture: { id, at }

  /** @param stage the Stage */
  constructor(stage) {
    this.stage = stage;
    const { element } = stage;
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => this.#down(event), { capture: true });
    element.addEventListener("pointermove", (event) => this.#move(event), { capture: true });
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, (event) => this.#up(event), { capture: true });
    }
  }

  #wheel(event) {
    const rect = this.stage.fitted();
    if (!rect) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.stage.zoom.by(Math.exp(-event.deltaY * lines * WHEEL_SHARE), [event.clientX, event.clientY], rect);
  }

  #down(event) {
    if (event.target.closest("button, select, input, label")) return;
    if (event.pointerType === "mouse") {
      if (event.button !== 1 && event.button !== 2) return;
      event.preventDefault();
      this.stage.element.setPointerCapture(event.pointerId);
      this.#drag = { id: event.pointerId, at: [event.clientX, event.clientY] };
      return;
    }
    this.#pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.#pointers.size === 2) this.stage.cancel(); // the first finger meant no click
    if (this.#pointers.size > 1) event.stopImmediatePropagation();
  }

  #move(event) {
    const rect = this.stage.fitted();
    const at = [event.clientX, event.clientY];
    if (this.#drag?.id === event.pointerId && rect) {
      this.stage.zoom.pan(at[0] - this.#drag.at[0], at[1] - this.#drag.at[1], rect);
      this.#drag.at = at;
      event.stopImmediatePropagation();
    }
    if (!this.#pointers.has(event.pointerId)) return;
    if (this.#pointers.size === 2 && rect) {
      const before = spread([...this.#pointers.values()]);
      this.#pointers.set(event.pointerId, at);
      const now = spread([...this.#pointers.values()]);
      this.stage.zoom.by(now.width / Math.max(1, before.width), before.middle, rect);
      this.stage.zoom.pan(now.middle[0] - before.middle[0], now.middle[1] - before.middle[1], rect);
      event.stopImmediatePropagation();
    } else {
      this.#pointers.set(event.pointerId, at);
    }
  }

  #up(event) {
    if (this.#drag?.id === event.pointerId) this.#drag = null;
    const several = this.#pointers.size > 1;
    this.#pointers.delete(event.pointerId);
    if (several) event.stopImmediatePropagation();
  }
}

function spread([[ax, ay], [bx, by]]) {
  return { width: Math.hypot(ax - bx, ay - by), middle: [(ax + bx) / 2, (ay + by) / 2] };
}
