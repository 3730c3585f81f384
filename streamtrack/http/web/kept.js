// The last seconds of the picture, as the browser saw them: as JPEG, in bounded memory, each with its shapes.

const QUALITY = 0.85;
const MAX_WIDTH_PX = 1280;
const MAX_BYTES = 48 << 20;
const MAX_MS = 20_000;

export class Kept {
  /** Oldest first: { rtp, at: ms of performance.now(), blob, connection }. */
  pictures = [];
  bytes = 0;
  #busy = false;
  #canvas = null;

  /** Keeps what a video shows; a picture that comes while the one before is still being packed is left out. */
  async add(video, rtp, connection) {
    if (this.#busy || rtp === null || !video.videoWidth || typeof OffscreenCanvas === "undefined") return;
    this.#busy = true;
    try {
      const width = Math.min(video.videoWidth, MAX_WIDTH_PX);
      const height = Math.round((video.videoHeight * width) / video.videoWidth);
      if (this.#canvas?.width !== width || this.#canvas.height !== height) this.#canvas = new OffscreenCanvas(width, height);
      this.#canvas.getContext("2d").drawImage(video, 0, 0, width, height);
      const at = performance.now();
      const blob = await this.#canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
      this.#push({ rtp, at, blob, connection });
    } finally {
      this.#busy = false;
    }
  }

  clear() {
    this.pictures = [];
    this.bytes = 0;
  }

  /** How long ago a picture was on the screen, in ms before the newest. */
  ageOf(picture) {
    return this.pictures.length ? this.pictures.at(-1).at - picture.at : 0;
  }

  #push(picture) {
    this.pictures.push(picture);
    this.bytes += picture.blob.size;
    while (this.bytes > MAX_BYTES || picture.at - this.pictures[0].at > MAX_MS) {
      this.bytes -= this.pictures.shift().blob.size;
    }
  }
}
