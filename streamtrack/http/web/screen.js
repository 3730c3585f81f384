// What is on the screen at this moment: the live picture or a held one, with its shapes and its tracked frame.

export class Screen {
  /** @param player the Player; held the Held */
  constructor(player, held) {
    Object.assign(this, { player, held });
  }

  /** The element that shows the picture, and the size of its picture. */
  get surface() {
    if (!this.held.active) return this.player.surface;
    const { canvas } = this.held;
    return { element: canvas, width: canvas.width, height: canvas.height };
  }

  /** Whether masks are the page's to draw. */
  get clean() {
    return this.held.picture?.connection.clean ?? this.player.connection?.clean ?? false;
  }

  /** The shapes of what is shown; null where they have not come, or are drawn into it. */
  get shapes() {
    const { picture } = this.held;
    if (picture !== null) return picture.connection.shapes.at(picture.rtp);
    const { connection } = this.player;
    return connection === null || connection.displayed === null ? null : connection.shapes.at(connection.displayed);
  }

  /**
   * The tracked frame that is shown, as a promise of its number, or of null where it is not known.
   * Ask at the moment of the click: the answer is for what was displayed then.
   */
  displayedFrame() {
    const { picture } = this.held;
    return picture === null ? this.player.displayedFrame() : picture.connection.frameOf(picture.rtp);
  }
}
