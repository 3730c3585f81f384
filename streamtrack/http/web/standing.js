// How the stream stands: what the bar says, what is said large over the picture, and whether a click means anything.

import { sentence, text } from "./strings.js";

const SERVER_STATES = {
  loading: { dot: "connecting", text: "loading", long: "loadingLong", dead: "wait" },
  connecting: { dot: "connecting", text: "connecting", long: "cameraConnectingLong", dead: "wait" },
  offline: { dot: "offline", text: "offline", long: "offlineLong", dead: "offline" },
  failed: { dot: "offline", text: "failed", long: "failedLong", dead: "failed" },
  stalled: { dot: "offline", text: "stalled", long: "stalledLong", dead: "failed" },
  stopped: { dot: "offline", text: "stopped", long: "stoppedLong", dead: "failed" },
};

/**
 * @param now {
 *   name, status: the stream and its newest state from the server, null before the first;
 *   link: the feed's, { up, error, nextTryAt };
 *   play: the player's, { state, mjpeg, error };
 *   stalled: whether the picture stands still; stands: whether tracking does }
 * @returns {
 *   dot: live, connecting, offline, paused or ended; text: beside it;
 *   curtain: null, or { text, detail, nextTryAt, retry: what a person may ask for: null, "server" (be asked again),
 *     "retry" (the camera) or "restart" (tracking), both commands of the server };
 *   seen: whether frames are tracked at this moment, so that states and figures are true;
 *   dead: null, or why a click would say nothing: server, offline, failed or wait }
 */
export function standing(now) {
  return ofLink(now) ?? ofStream(now) ?? ofPicture(now);
}

function ofLink({ name, status, link }) {
  if (link.up) return null;
  if (link.up === null) return { dot: "connecting", text: text("connecting"), ...closed("connectingLong"), dead: "wait" };
  const curtain = { detail: "", nextTryAt: link.nextTryAt, retry: "server" };
  curtain.text = text("noAnswerLong");
  if (link.error?.status === 404) curtain.text = text("unknownStreamLong", { name });
  else if (link.error?.status) curtain.text = sentence(link.error);
  return { dot: "connecting", text: text(status ? "reconnecting" : "connecting"), curtain, seen: false, dead: "server" };
}

function ofStream({ status }) {
  if (status === null) return { dot: "connecting", text: text("connecting"), ...closed("connectingLong"), dead: "wait" };
  const state = SERVER_STATES[status.state];
  if (!state) return null;
  const { dot, dead } = state;
  const nextTryAt = status.next_try_at ?? null;
  let retry = null;
  if (status.state === "failed" || status.state === "stalled") retry = "restart";
  else if (status.state === "offline" && nextTryAt !== null) retry = "retry";
  const curtain = { text: text(state.long), detail: status.detail ?? "", nextTryAt, retry };
  return { dot, text: text(state.text), curtain, seen: false, dead };
}

function ofPicture({ status, play, stalled, stands }) {
  const watched = play.state === "live";
  if (status.state === "ended") {
    const curtain = watched ? null : closed("endedLong").curtain;
    return { dot: "ended", text: text("ended"), curtain, seen: false, dead: watched ? null : "wait" };
  }
  const seen = !status.paused && !stands;
  if (status.paused && watched) return { dot: "paused", text: text("paused"), curtain: null, seen, dead: null };
  if (!watched) {
    const full = play.state === "refused" && play.error.status === 503;
    const curtain = closed(full ? "viewersFullLong" : "connectingLong").curtain;
    const word = status.paused ? "paused" : play.error ? "reconnecting" : "connecting";
    return { dot: status.paused ? "paused" : "connecting", text: text(word), curtain, seen, dead: "wait" };
  }
  if (stalled) return { dot: "connecting", text: text("noPictures"), ...closed("noPicturesLong"), seen, dead: "wait" };
  return { dot: "live", text: text(play.mjpeg ? "liveMjpeg" : "live"), curtain: null, seen, dead: null };
}

/** A curtain without more to say than its text. */
function closed(name) {
  return { curtain: { text: text(name), detail: "", nextTryAt: null, retry: null }, seen: false };
}
