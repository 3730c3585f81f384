// Plays one stream: WebRTC by WHEP, again and again until it holds, and motion JPEG where WebRTC cannot pass.

import { ApiError, Backoff, imageAddress, request } from "./api.js";

const CONNECT_TIMEOUT_MS = 6000;
const GATHER_TIMEOUT_MS = 250;
const STALL_TIMEOUT_MS = 3000;
const TRIES_BEFORE_MJPEG = 2;
const MJPEG_RETRY_MS = 60_000;

export class Player {
  /** @param onState called with (state, text): state is connecting, live or offline. */
  constructor(video, image, onState) {
    this.video = video;
    this.image = image;
    this.onState = onState;
    this.playing = null;
    this.displayed = null;
    this.#watchFrames();
    addEventListener("pagehide", () => this.#hangUp(true));
  }

  /** What is on the screen: the element and the size of its picture. */
  get surface() {
    if (!this.image.hidden) {
      return { element: this.image, width: this.image.naturalWidth, height: this.image.naturalHeight };
    }
    return { element: this.video, width: this.video.videoWidth, height: this.video.videoHeight };
  }

  /** Plays another stream. */
  async play(name) {
    this.stop();
    const turn = { name, over: false };
    this.playing = turn;
    const backoff = new Backoff();
    let failures = 0;
    while (!turn.over) {
      this.onState("connecting", "Connecting");
      let waitMs = 0;
      try {
        await this.#watch(turn, () => {
          backoff.reset();
          failures = 0;
        });
      } catch (error) {
        if (turn.over) return;
        if (error instanceof ApiError) {
          // The server answered: it is the source, or the room, that is missing, not a way for packets.
          waitMs = error.retryAfterS * 1000;
          this.onState("offline", error.message);
          if (error.status === 404) waitMs = 5000;
          if (error.status === 406) failures = TRIES_BEFORE_MJPEG;
        } else {
          failures += 1;
          this.onState("connecting", "Reconnecting");
        }
      } finally {
        this.#hangUp();
      }
      if (turn.over) return;
      if (failures >= TRIES_BEFORE_MJPEG) {
        await this.#watchMjpeg(turn);
        failures = 0;
      } else {
        await backoff.wait(waitMs);
      }
    }
  }

  stop() {
    if (this.playing) this.playing.over = true;
    this.playing = null;
    this.wake?.();
    this.#hangUp();
    this.#showImage(false);
  }

  /**
   * The tracked frame that is on the screen now, as a promise of its number, or of null where it is not known.
   * Ask at the moment of the click: the answer is for what was displayed then.
   */
  displayedFrame() {
    if (!this.session || this.displayed === null || !this.image.hidden) return Promise.resolve(null);
    return request(`${this.session}/frame?rtp_timestamp=${this.displayed}`)
      .then((response) => response.json())
      .then((body) => body.frame_idx)
      .catch(() => null);
  }

  /** One connection, until it breaks (throws) or is stopped (returns). */
  async #watch(turn, onPlaying) {
    const pc = new RTCPeerConnection({ iceServers: [] });
    this.pc = pc;
    const transceiver = pc.addTransceiver("video", { direction: "recvonly" });
    // Without this the browser smooths over network jitter by showing every picture later.
    if ("jitterBufferTarget" in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
    const broken = new Promise((resolve, reject) => {
      this.wake = resolve;
      this.reconnect = () => reject(new Error("no new pictures"));
      pc.onconnectionstatechange = () => {
        if (["failed", "closed", "disconnected"].includes(pc.connectionState)) reject(new Error("connection lost"));
      };
    });
    broken.catch(() => {});
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    const response = await request(`/streams/${encodeURIComponent(turn.name)}/whep`, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    this.session = response.headers.get("Location");
    if (turn.over) return;
    const first = new Promise((resolve) => (this.onFirstFrame = resolve));
    this.video.srcObject = new MediaStream([transceiver.receiver.track]);
    this.video.play().catch(() => {});
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    // A server that says goodbye is heard here at once; the connection itself only notices seconds later.
    const { transport } = transceiver.receiver;
    transport?.addEventListener("statechange", () => transport.state === "closed" && this.reconnect());
    await within(CONNECT_TIMEOUT_MS, Promise.race([first, broken]));
    if (turn.over) return;
    this.#showImage(false);
    this.onState("live", "Live");
    onPlaying();
    await broken;
  }

  async #watchMjpeg(turn) {
    this.#showImage(true);
    this.image.src = imageAddress(`/streams/${encodeURIComponent(turn.name)}/mjpeg`);
    await new Promise((resolve) => {
      this.wake = resolve;
      this.image.onload = () => this.onState("live", "Live, MJPEG");
      this.image.onerror = resolve;
      // A network may let packets through later on.
      setTimeout(resolve, MJPEG_RETRY_MS);
    });
  }

  /** Keeps the RTP timestamp of the picture on the screen. */
  #watchFrames() {
    // A tab in the background decodes but draws nothing: it is connected all the same.
    this.video.addEventListener("loadeddata", () => this.onFirstFrame?.());
    document.addEventListener("visibilitychange", () => (this.displayedAt = performance.now()));
    if (!("requestVideoFrameCallback" in HTMLVideoElement.prototype)) return;
    const note = (_, metadata) => {
      this.displayed = metadata.rtpTimestamp ?? null;
      this.displayedAt = performance.now();
      this.onFirstFrame?.();
      this.video.requestVideoFrameCallback(note);
    };
    this.video.requestVideoFrameCallback(note);
  }

  /** Whether the picture stands still although the connection is up. */
  get stalled() {
    if (document.hidden || !this.image.hidden || this.displayed === null) return false;
    return performance.now() - this.displayedAt > STALL_TIMEOUT_MS;
  }

  #hangUp(leaving = false) {
    if (this.session) {
      // keepalive lets it leave with a page that is being closed.
      const bye = request(this.session, { method: "DELETE", keepalive: leaving });
      bye.catch(() => {});
    }
    this.session = null;
    this.pc?.close();
    this.pc = null;
    this.displayed = null;
    this.onFirstFrame = null;
  }

  #showImage(shown) {
    this.image.hidden = !shown;
    this.video.hidden = shown;
    if (!shown) {
      this.image.onload = this.image.onerror = null;
      this.image.removeAttribute("src");
    }
  }
}

/** Waits for the candidates of this machine; the few that come later are not needed. */
function gathered(pc) {
  return new Promise((resolve) => {
    if (pc.iceGatheringState === "complete") resolve();
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && resolve();
    setTimeout(resolve, GATHER_TIMEOUT_MS);
  });
}

function within(ms, promise) {
  return Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error("no picture in time")), ms)),
  ]);
}
