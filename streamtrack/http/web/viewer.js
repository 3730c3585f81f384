// The large picture and all that belongs to it: what plays, what is kept and held of it, what is drawn over it.

import { Held } from "./held.js";
import { Hover } from "./hover.js";
import { Kept } from "./kept.js";
import { BURNT } from "./looks.js";
import { Overlay } from "./overlay.js";
import { Player } from "./player.js";
import { Screen } from "./screen.js";
import { Stage } from "./stage.js";
import { thumbnail } from "./thumbs.js";

const $ = (id) => document.getElementById(id);

export class Viewer {
  /**
   * @param page {
   *   frameSize(): [width, height] of the stream's frames, or null; stream(): its name; looks; objects(): the
   *   ObjectList; rules(): zones and lines to draw; state(play): the player's; notice(words);
   *   prompt(prompt, frame): see Stage; told(): whether the picture is of this moment }
   */
  constructor(page) {
    this.page = page;
    this.kept = new Kept();
    this.player = new Player($("video"), $("mjpeg"), {
      state: page.state,
      picture: (rtp, connection) => this.#onPicture(rtp, connection),
      shapes: (shapes, connection) => shapes.rtp === connection.displayed && !this.held.active && this.draw(),
    });
    this.held = new Held(this.kept, $("held"), { changed: () => this.#onHeld(), notice: page.notice });
    this.screen = new Screen(this.player, this.held);
    this.hover = new Hover($("hover"), $("stage"), (point) => this.overlay.detailsAt(point));
    this.stage = new Stage($("stage"), $("marks"), this.screen, page.frameSize, {
      // A click on a held picture is for that picture, and for no newer one.
      prompt: (prompt, frame) => page.prompt(prompt, this.held.active ? frame.then(orExpired) : frame),
      zoomed: () => this.#onZoomed(),
      hover: (point, place) => this.hover.at(point, place),
    });
    this.overlay = new Overlay($("overlay"), {
      ...{ screen: this.screen, stage: this.stage, looks: page.looks, stream: page.stream, rules: page.rules },
      ...{ item: (id) => page.objects().item(id), selected: () => page.objects().selected },
    });
    $("zoom-in").onclick = () => this.stage.zoom.step(true);
    $("zoom-out").onclick = () => this.stage.zoom.step(false);
    $("zoom-whole").onclick = () => this.stage.zoom.reset();
    this.showLooks();
  }

  /** What keys do, see `bindKeys`. */
  get keys() {
    const { held, stage } = this;
    return {
      ...{ stepBack: () => held.step(-1), stepOn: () => held.step(1), slow: () => held.slow(), live: () => held.live() },
      ...{ zoomIn: () => stage.zoom.step(true), zoomOut: () => stage.zoom.step(false), zoomWhole: () => stage.zoom.reset() },
    };
  }

  /** Another stream is shown: nothing of the one before is left. */
  clear() {
    this.held.live();
    this.kept.clear();
    this.stage.zoom.reset();
    this.overlay.forget();
  }

  /** The style is another one, or a colour. */
  showLooks() {
    this.player.draw(this.page.looks.style !== BURNT);
    this.draw();
  }

  /** Draws over the picture what belongs to it. */
  draw() {
    this.overlay.draw();
    const box = this.boxOf(this.page.objects().selected);
    if (box !== undefined) this.stage.select(box, this.page.objects().colour(this.page.objects().selected), true);
  }

  /** Where an object is in the very picture on the screen; null where it has no mask, undefined where nobody knows. */
  boxOf(id) {
    return id === null ? undefined : this.screen.shapes?.objects.find((object) => object.id === id)?.box;
  }

  /** A small picture of an object as it is on the screen; none of what is not to be seen. */
  thumbnailOf(id, box) {
    const { looks, objects, stream, frameSize } = this.page;
    const style = looks.ownStyle(stream(), id, objects().item(id)?.label ?? "") ?? looks.style;
    if (style === "redact" || style === "hide") return undefined;
    return thumbnail(this.player.surface, frameSize(), box);
  }

  #onPicture(rtp, connection) {
    this.kept.add($("video"), rtp, connection);
    if (!this.held.active) this.draw();
  }

  #onZoomed() {
    const { zoom } = this.stage;
    $("zoom-whole").textContent = `${zoom.scale.toFixed(zoom.whole ? 0 : 1)}×`;
    this.draw();
  }

  #onHeld() {
    document.body.classList.toggle("held", this.held.active);
    this.stage.redraw();
    this.draw();
  }
}

function orExpired(frame) {
  if (frame === null) throw Object.assign(new Error("that picture is too long ago"), { status: 410, kind: "frame_expired" });
  return frame;
}
