// One WebRTC connection by WHEP. Whatever it opens is its own, and `close` gives all of it back.

import { offer, send } from "./api.js";
import { ShapesLog } from "./shapes.js";
import { LimitError, sleep, within } from "./time.js";

const NEGOTIATE_LIMIT_MS = 6000;
const CONNECT_LIMIT_MS = 6000;
const GATHER_LIMIT_MS = 250; // of this machine alone
const GATHER_AFAR_LIMIT_MS = 2500; // where STUN and TURN servers are asked
const FRAME_LIMIT_MS = 2000;

let learned = []; // ICE servers that an answer named: the next connection uses them, should this one not come about

export class WhepConnection {
  #pc = new RTCPeerConnection({ iceServers: learned });
  #media = new MediaStream();
  #closed = new AbortController();
  #first;
  #onFirst;
  #session = null;
  #broken;
  #onBroken;

  /**
   * @param clean whether the picture is asked for without masks, and these as shapes beside it
   * @param on { picture(rtp): another picture is on the screen; shapes(shapes): those of a picture have come }
   */
  constructor(video, clean, on) {
    Object.assign(this, { video, clean, on });
    /** Masks by picture; stays empty where the server draws them. */
    this.shapes = new ShapesLog();
    /** Whether shapes can come. */
    this.drawable = false;
    /** RTP timestamp of the picture on the screen; null where the browser does not tell. */
    this.displayed = null;
    this.displayedAt = performance.now();
    this.#first = new Promise((resolve) => (this.#onFirst = resolve));
    this.#broken = new Promise((_, reject) => (this.#onBroken = reject));
    this.#broken.catch(() => {});
  }

  /** Where the server keeps this session; null before it has answered. */
  get session() {
    return this.#session;
  }

  /** Connects and shows; settles at the first picture. Throws ApiError, LimitError, or what broke it. */
  async open(path) {
    const { signal } = this.#closed;
    await within(NEGOTIATE_LIMIT_MS, this.#negotiate(path), signal);
    await within(CONNECT_LIMIT_MS, Promise.race([this.#first, this.#broken]), signal);
  }

  /** Settles (throws) when the connection breaks; not when it is closed. */
  get broken() {
    return within(2 ** 31 - 1, this.#broken, this.#closed.signal);
  }

  /** The tracked frame of a picture, as a promise of its number, or of null where nobody knows any more. */
  frameOf(rtp) {
    const told = this.shapes.at(rtp);
    if (told !== null) return Promise.resolve(told.frame);
    if (this.#session === null) return Promise.resolve(null);
    const limits = { headMs: FRAME_LIMIT_MS, limitMs: FRAME_LIMIT_MS };
    return send("GET", `${this.#session}/frame?rtp_timestamp=${rtp}`, undefined, limits)
      .then((body) => body.frame_idx)
      .catch(() => null);
  }

  /** Breaks it: whoever watches `broken` connects anew. */
  giveUp() {
    this.#onBroken(new LimitError("no new pictures"));
  }

  /** @param leaving the page is being closed: the goodbye has to survive it */
  close(leaving = false) {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(new LimitError("closed"));
    this.#pc.close();
    this.#goodbye(leaving);
  }

  async #negotiate(path) {
    const pc = this.#pc;
    const { signal } = this.#closed;
    const transceiver = pc.addTransceiver("video", { direction: "recvonly" });
    // Without this the browser smooths over network jitter by showing every picture later.
    if ("jitterBufferTarget" in transceiver.receiver) transceiver.receiver.jitterBufferTarget = 0;
    if (this.clean) this.#openChannel();
    pc.onconnectionstatechange = () => {
      if (["failed", "closed", "disconnected"].includes(pc.connectionState)) {
        this.#onBroken(new Error("connection lost"));
      }
    };
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc, signal, learned.length ? GATHER_AFAR_LIMIT_MS : GATHER_LIMIT_MS);
    // Not aborted with us: an answer that comes too late names a session that has to be given back.
    const answer = await offer(path, pc.localDescription.sdp, { headMs: NEGOTIATE_LIMIT_MS });
    this.#session = answer.session;
    learned = answer.iceServers;
    if (signal.aborted) return this.#goodbye(false);
    this.#show(transceiver.receiver.track);
    await pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    // A server that says goodbye is heard here at once; the connection itself only notices seconds later.
    const { transport } = transceiver.receiver;
    transport?.addEventListener("statechange", () => transport.state === "closed" && this.giveUp());
  }

  /** What is late belongs to a picture that is gone: nothing is sent again, nothing waits for another. */
  #openChannel() {
    const channel = this.#pc.createDataChannel("polygons", { ordered: false, maxRetransmits: 0 });
    channel.binaryType = "arraybuffer";
    channel.onopen = () => (this.drawable = true);
    channel.onclose = () => (this.drawable = false);
    channel.onmessage = ({ data }) => {
      const shapes = this.shapes.note(data);
      if (shapes !== null && !this.#closed.signal.aborted) this.on.shapes(shapes);
    };
  }

  #show(track) {
    this.#media.addTrack(track);
    this.video.srcObject = this.#media;
    this.video.play().catch(() => {});
    const { signal } = this.#closed;
    const mine = () => !signal.aborted && this.video.srcObject === this.#media;
    // A tab in the background decodes but draws nothing: it is connected all the same.
    this.video.addEventListener("loadeddata", () => mine() && this.#onFirst(), { signal });
    document.addEventListener("visibilitychange", () => (this.displayedAt = performance.now()), { signal });
    if (!("requestVideoFrameCallback" in this.video)) return;
    const note = (_, metadata) => {
      if (!mine()) return;
      this.displayed = metadata.rtpTimestamp ?? null;
      this.displayedAt = performance.now();
      this.#onFirst();
      this.on.picture(this.displayed);
      this.video.requestVideoFrameCallback(note);
    };
    this.video.requestVideoFrameCallback(note);
  }

  #goodbye(leaving) {
    if (this.#session === null) return;
    send("DELETE", this.#session, undefined, { keepalive: leaving }).catch(() => {});
    this.#session = null;
  }
}

/** Waits for the candidates of this machine; the few that come later are not needed. */
function gathered(pc, signal, limitMs) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  const complete = new Promise((resolve) => {
    pc.addEventListener("icegatheringstatechange", () => pc.iceGatheringState === "complete" && resolve(), { signal });
  });
  return Promise.race([complete, sleep(limitMs, signal)]);
}
