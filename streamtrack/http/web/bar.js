// The bar's figures and state, and the curtain over the picture.

import { text } from "./strings.js";

const $ = (id) => document.getElementById(id);
const DASH = "–";

/** Shows the figures of a status that is true now; dashes where nothing is tracked. */
export function showFigures(status, seen) {
  set($("fps"), seen && status.fps ? status.fps.toFixed(1) : DASH);
  const { p50, p95 } = status?.latency_ms ?? { p50: 0, p95: 0 };
  set($("latency"), seen && p50 ? `${Math.round(p50)} ms` : DASH);
  $("latency-box").title = seen && p50 ? text("latencyTitle", { p95: Math.round(p95) }) : text("latencyUnknown");
  const dropped = Object.entries(status?.dropped ?? {}).filter(([, count]) => count > 0);
  set($("dropped"), status ? String(dropped.reduce((sum, [, count]) => sum + count, 0)) : DASH);
  const reasons = dropped.map(([why, count]) => `${why} ${count}`).join(", ") || text("none");
  $("dropped-box").title = text("droppedTitle", { reasons });
  const iou = status?.mean_iou ?? null;
  // Once a scene's truth was known the cell stays: a row that jumps is hard to read.
  if (iou !== null) $("iou-box").hidden = false;
  set($("iou"), seen && iou !== null ? iou.toFixed(2) : DASH);
}

/** The cells of another stream: whether it has a truth to compare with is not known yet. */
export function clearFigures() {
  $("iou-box").hidden = true;
  showFigures(null, false);
}

/** What the first button does: pause, resume, or play a recording again that has ended. */
export function showPause(status) {
  const paused = status?.paused ?? false;
  const ended = status?.state === "ended";
  $("pause").setAttribute("aria-pressed", String(paused && !ended));
  set($("pause"), text(ended ? "replay" : paused ? "resume" : "pause"));
  const title = text(ended ? "replayTitle" : "pauseTitle");
  if ($("pause").title !== title) $("pause").title = title;
}

/** Shows what `standing` gives. */
export function showStanding({ dot, text: words, curtain }) {
  $("link").dataset.state = dot;
  set($("link-text"), words);
  $("curtain").hidden = curtain === null;
  if (curtain === null) return;
  set($("curtain-text"), curtain.text);
  set($("curtain-detail"), curtain.detail);
  const leftMs = curtain.nextTryAt === null ? null : curtain.nextTryAt - performance.now();
  let next = "";
  if (leftMs !== null) next = leftMs > 0 ? text("next", { seconds: Math.ceil(leftMs / 1000) }) : text("trying");
  set($("curtain-next"), next);
  $("retry").hidden = curtain.retry === null;
  set($("retry"), text(curtain.retry === "restart" ? "restart" : "tryNow"));
}

/** Writes a text only where it changed: a screen reader reads out what is written. */
function set(node, words) {
  if (node.textContent !== words) node.textContent = words;
}
