// Plays one stream: WebRTC by WHEP, again and again until it holds, and motion JPEG where WebRTC cannot pass.

import { ApiError, imageAddress } from "./api.js";
import { Backoff, Nap, sleep, within } from "./time.js";
import { WhepConnection } from "./whep.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 4000;
const STALL_MS = 3000;
const TRIES_BEFORE_MJPEG = 2;
const MJPEG_FIRST_PICTURE_MS = 8000;
const MJPEG_RETRY_MS = 60_000;
const CHANNEL_LIMIT_MS = 5000;

/** One stretch of playing one stream. A turn that is over says nothing and touches nothing that is shared. */
class Turn {
  #leave = new AbortController();

  constructor(name) {
    this.name = name;
    this.path = `/streams/${encodeURIComponent(name)}`;
    this.nap = new Nap();
    this.plain = false; // the next try is for the server's drawing
    this.connection = null;
  }
  get signal() {
    return this.#leave.signal;
  }
  get over() {
    return this.signal.aborted;
  }
  end(leaving = false) {
    this.#leave.abort();
    this.connection?.close(leaving);
    this.connection = null;
  }
}

export class Player {
  #turn = null;
  #clean = true;
  #undrawable = new Set(); // streams whose shapes do not pass

  /**
   * @param on { state({ state: "connecting" | "live" | "refused", mjpeg, error });
   *   picture(rtp, connection): another picture is on the screen; shapes(shapes, connection): those of one have come }
   */
  constructor(video, image, on) {
    Object.assign(this, { video, image, on });
    addEventListener("pagehide", () => this.#turn?.end(true));
    addEventListener("pageshow", (event) => {
      // Back from the browser's cache of pages: what was ended when it left begins anew.
      if (event.persisted && this.#turn?.over) this.play(this.#turn.name);
    });
  }

  /** What is on the screen: the element and the size of its picture. */
  get surface() {
    if (!this.image.hidden) {
      return { element: this.image, width: this.image.naturalWidth, height: this.image.naturalHeight };
    }
    return { element: this.video, width: this.video.videoWidth, height: this.video.videoHeight };
  }

  /** Plays a stream from now on; the one before it is over. */
  play(name) {
    const same = this.#turn?.name === name;
    this.stop();
    if (!same) this.video.srcObject = null; // another stream's last picture would be a lie
    this.#turn = new Turn(name);
    this.#run(this.#turn);
  }

  /** Ends what plays; the last picture stays, as far as it can. */
  stop() {
    this.#turn?.end();
    this.#hideImage();
  }

  /** Whether something is played, or tried. */
  get playing() {
    return this.#turn !== null && !this.#turn.over;
  }

  /** Tries at once where it waits. */
  retryNow() {
    this.#turn?.nap.wake();
  }

  /** Connects anew: tracking goes on, and pictures do not come. */
  reconnect() {
    this.#turn?.connection?.giveUp();
  }

  /** Whether the page draws masks by itself, or the server does. */
  draw(clean) {
    if (clean === this.#clean) return;
    this.#clean = clean;
    this.#undrawable.clear();
    this.reconnect();
  }

  /** The connection whose pictures are on the screen; null where there is none. */
  get connection() {
    const connection = this.#turn?.connection;
    return connection?.session && this.image.hidden ? connection : null;
  }

  /**
   * The tracked frame that is on the screen now, as a promise of its number, or of null where it is not known.
   * Ask at the moment of the click: the answer is for what was displayed then.
   */
  displayedFrame() {
    const { connection } = this;
    if (connection === null || connection.displayed === null) return Promise.resolve(null);
    return connection.frameOf(connection.displayed);
  }

  /** Whether the picture stands still although the connection is up. */
  get stalled() {
    const connection = this.#turn?.connection;
    if (document.hidden || !connection || connection.displayed === null) return false;
    return performance.now() - connection.displayedAt > STALL_MS;
  }

  async #run(turn) {
    const say = (state) => !turn.over && this.on.state({ mjpeg: false, error: null, ...state });
    const backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    let failures = 0;
    while (!turn.over) {
      say({ state: "connecting" });
      const connection = (turn.connection = this.#newConnection(turn));
      let waitMs = 0;
      try {
        await connection.open(`${turn.path}/whep${connection.clean ? "?view=clean" : ""}`);
        backoff.reset();
        failures = 0;
        if (!turn.over) this.#hideImage();
        say({ state: "live" });
        this.#watchChannel(turn, connection);
        await connection.broken;
      } catch (error) {
        if (error instanceof ApiError) {
          // The server answered: it is the source, or the room, that is missing, not a way for packets.
          waitMs = error.retryAfterS * 1000;
          if (connection.clean && error.status === 503) {
            turn.plain = true; // one encode more is too much, or one viewer: the second try tells
            continue;
          }
          if (error.status === 406) failures = TRIES_BEFORE_MJPEG;
          else say({ state: "refused", error });
        } else {
          failures += 1;
          say({ state: "connecting", error });
        }
      } finally {
        connection.close(); // this turn's own, whoever plays by now
        if (turn.connection === connection) turn.connection = null;
      }
      if (turn.over) return;
      if (failures >= TRIES_BEFORE_MJPEG) {
        await this.#watchMjpeg(turn, say);
        failures = 0;
      } else {
        await turn.nap.sleep(backoff.next(waitMs), turn.signal);
      }
    }
  }

  #newConnection(turn) {
    const clean = this.#clean && !turn.plain && !this.#undrawable.has(turn.name);
    turn.plain = false;
    const connection = new WhepConnection(this.video, clean, {
      picture: (rtp) => turn.over || this.on.picture(rtp, connection),
      shapes: (shapes) => turn.over || this.on.shapes(shapes, connection),
    });
    return connection;
  }

  /** A picture without its masks would say that nothing is followed: where they cannot come, the server draws. */
  async #watchChannel(turn, connection) {
    if (!connection.clean) return;
    await sleep(CHANNEL_LIMIT_MS, turn.signal);
    if (turn.connection !== connection || document.hidden) return;
    if (connection.drawable && connection.displayed !== null) return;
    this.#undrawable.add(turn.name);
    connection.giveUp();
  }

  /** Motion JPEG, until it breaks or it is time to see whether the network lets packets through by now. */
  async #watchMjpeg(turn, say) {
    const { image } = this;
    this.#hideImage();
    const broken = new Promise((_, reject) => (image.onerror = () => reject(new Error("no picture"))));
    const first = new Promise((resolve) => (image.onload = resolve));
    image.src = imageAddress(`${turn.path}/mjpeg`);
    try {
      await within(MJPEG_FIRST_PICTURE_MS, Promise.race([first, broken]), turn.signal);
      image.hidden = false; // not before: a browser draws a torn picture for one that never came
      this.video.hidden = true;
      say({ state: "live", mjpeg: true });
      await Promise.race([broken, turn.nap.sleep(MJPEG_RETRY_MS, turn.signal)]);
    } catch (error) {
      say({ state: "connecting", error });
      if (!turn.over) this.#hideImage();
      await turn.nap.sleep(LONGEST_WAIT_MS, turn.signal);
    }
  }

  #hideImage() {
    this.image.onload = this.image.onerror = null;
    this.image.hidden = true;
    this.image.removeAttribute("src");
    this.video.hidden = false;
  }
}
