// Plays one stream: WebRTC by WHEP, again and again until it holds, and motion JPEG where WebRTC cannot pass.

import { ApiError, imageAddress, send } from "./api.js";
import { Backoff, Nap, within } from "./time.js";
import { WhepConnection } from "./whep.js";

const FIRST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 4000;
const STALL_MS = 3000;
const TRIES_BEFORE_MJPEG = 2;
const MJPEG_FIRST_PICTURE_MS = 8000;
const MJPEG_RETRY_MS = 60_000;
const FRAME_LIMIT_MS = 2000;

/** One stretch of playing one stream. A turn that is over says nothing and touches nothing that is shared. */
class Turn {
  #leave = new AbortController();

  constructor(name) {
    this.name = name;
    this.path = `/streams/${encodeURIComponent(name)}`;
    this.nap = new Nap();
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

  /** @param onState called with ({ state: "connecting" | "live" | "refused", mjpeg, error }). */
  constructor(video, image, onState) {
    Object.assign(this, { video, image, onState });
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

  /**
   * The tracked frame that is on the screen now, as a promise of its number, or of null where it is not known.
   * Ask at the moment of the click: the answer is for what was displayed then.
   */
  displayedFrame() {
    const connection = this.#turn?.connection;
    if (!connection?.session || connection.displayed === null || !this.image.hidden) return Promise.resolve(null);
    const limits = { headMs: FRAME_LIMIT_MS, limitMs: FRAME_LIMIT_MS };
    return send("GET", `${connection.session}/frame?rtp_timestamp=${connection.displayed}`, undefined, limits)
      .then((body) => body.frame_idx)
      .catch(() => null);
  }

  /** Whether the picture stands still although the connection is up. */
  get stalled() {
    const connection = this.#turn?.connection;
    if (document.hidden || !connection || connection.displayed === null) return false;
    return performance.now() - connection.displayedAt > STALL_MS;
  }

  async #run(turn) {
    const say = (state) => !turn.over && this.onState({ mjpeg: false, error: null, ...state });
    const backoff = new Backoff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    let failures = 0;
    while (!turn.over) {
      say({ state: "connecting" });
      const connection = (turn.connection = new WhepConnection(this.video));
      let waitMs = 0;
      try {
        await connection.open(`${turn.path}/whep`);
        backoff.reset();
        failures = 0;
        if (!turn.over) this.#hideImage();
        say({ state: "live" });
        await connection.broken;
      } catch (error) {
        if (error instanceof ApiError) {
          // The server answered: it is the source, or the room, that is missing, not a way for packets.
          waitMs = error.retryAfterS * 1000;
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
