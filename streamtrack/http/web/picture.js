// What may be done with the picture as a whole: saved, and shown alone.

import { download } from "./api.js";

export async function saveSnapshot({ name, path }) {
  const picture = await download(`${path}/snapshot.jpg`);
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(picture);
  anchor.download = `${name}-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.jpg`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
}

export function toggleFullScreen() {
  const done = document.fullscreenElement ? document.exitFullscreen() : document.getElementById("stage").requestFullscreen?.();
  done?.catch(() => {}); // a browser may refuse it; the page is as it was
}
