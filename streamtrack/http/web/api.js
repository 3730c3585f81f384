// Requests to the server: token, time limits, errors as values, server-sent events.

import { logIn, takeToken, whyNot } from "./login-request.js";
import { may } from "./role.js";
import { within } from "./time.js";

const TOKEN_KEY = "streamtrack.token";
const REQUEST_LIMIT_MS = 10_000;
const HEAD_LIMIT_MS = 4000;
const SILENCE_LIMIT_MS = 3000;
const A_PERSON_MS = 2 ** 31 - 1; // the longest that a browser counts

/** An answer that was not 2xx: its status, the error's kind and the server's own line. */
export class ApiError extends Error {
  constructor(status, kind, message, retryAfterS) {
    super(message);
    this.status = status;
    this.kind = kind;
    this.retryAfterS = retryAfterS;
  }
}

/** Takes a token out of the address and keeps it for this tab: a link to the page outlives a restart of the server. */
export function adoptTokenFromAddress() {
  const token = takeToken();
  if (token !== null) sessionStorage.setItem(TOKEN_KEY, token);
}

/** Forgets a token that was kept for this tab. */
export const forgetToken = () => sessionStorage.removeItem(TOKEN_KEY);

let asking = null;
let logIns = 0;
const heeds = [];

/** Calls this after each login. */
export const onLogIn = (heed) => heeds.push(heed);

/** Asks a person for the token; several requests that fail together share one question. */
function askToken() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("token-dialog");
    const input = document.getElementById("token");
    const show = (wrong) => {
      document.getElementById("token-text").hidden = wrong !== null;
      document.getElementById("token-wrong").hidden = wrong === null;
      if (wrong !== null) document.getElementById("token-wrong").textContent = wrong;
      input.value = "";
      dialog.showModal();
    };
    // Escape would leave a page that can do nothing.
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = async () => {
      const token = input.value.trim();
      const { kind, waitS } = await logIn(token);
      if (kind !== "in" && kind !== "absent") return show(whyNot(kind, waitS));
      // A session stands for it from now on; a server without sessions wants it again and again.
      if (kind === "in") forgetToken();
      else sessionStorage.setItem(TOKEN_KEY, token);
      asking = null;
      logIns += 1;
      resolve();
      for (const heed of heeds) heed();
    };
    show(sessionStorage.getItem(TOKEN_KEY) === null ? null : whyNot("unauthorized"));
  });
  return asking;
}

/**
 * fetch by the session's cookie or with the token, once more after a person was asked for it; gives what
 * `read(response)` gives.
 * Throws ApiError for anything but 2xx, and what fetch throws, or LimitError, where no answer came.
 * @param headMs limit of each try until its head has come
 * @param limitMs limit of reading the answer; null where `read` sets limits of its own
 */
async function exchange(path, options, read) {
  const { headMs = REQUEST_LIMIT_MS, limitMs = REQUEST_LIMIT_MS, signal, ...rest } = options;
  for (;;) {
    const [token, before] = [sessionStorage.getItem(TOKEN_KEY), logIns];
    const headers = { ...rest.headers };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    const leave = new AbortController();
    const onAbort = () => leave.abort(signal.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    try {
      const sent = fetch(path, { ...rest, headers, cache: "no-store", credentials: "same-origin", signal: leave.signal });
      const response = await within(headMs, sent, signal);
      if (response.ok) {
        const answer = read(response);
        return await (limitMs === null ? answer : within(limitMs, answer, signal));
      }
      if (response.status !== 401) throw await within(headMs, errorOf(response), signal);
    } catch (error) {
      leave.abort(); // nothing is left behind, whatever went wrong
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    // A person may take any time, but whoever asked may have moved on meanwhile.
    if (sessionStorage.getItem(TOKEN_KEY) === token && logIns === before) await within(A_PERSON_MS, askToken(), signal);
  }
}

async function errorOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // Not JSON: a proxy in between. The status has to do.
  }
  const message = typeof body.error === "string" ? body.error : `${response.status} ${response.statusText}`;
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  return new ApiError(response.status, body.kind ?? "", message, retryAfterS);
}

const OF_VIEWERS = /^\/(whep\/|logout$)/;

/** Sends JSON, gives JSON back. What a viewer may not do is not even asked: ApiError of kind "role". */
export async function send(method, path, body, options = {}) {
  if (method !== "GET" && !may("control") && !OF_VIEWERS.test(path)) throw new ApiError(403, "role", "view");
  const json = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return exchange(path, { ...options, ...json, method }, async (response) => {
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  });
}

/** Posts an SDP offer; gives the answer, the session's address, and the ICE servers to use. */
export function offer(path, sdp, options) {
  const rest = { method: "POST", headers: { "Content-Type": "application/sdp" }, body: sdp };
  return exchange(path, { ...options, ...rest }, async (response) => ({
    sdp: await response.text(),
    session: response.headers.get("Location"),
    iceServers: iceServers(response),
  }));
}

const ICE_SERVER = /<([^>]+)>; *rel="ice-server"((?:; *[\w-]+="(?:[^"\\]|\\.)*")*)/g;

/** The STUN and TURN servers that a WHEP answer names in its `Link` headers (RFC 9725, section 4.4). */
function iceServers(response) {
  return [...(response.headers.get("Link") ?? "").matchAll(ICE_SERVER)].map(([, urls, rest]) => {
    const named = [...rest.matchAll(/([\w-]+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value.replace(/\\(.)/g, "$1")]);
    const { username, credential } = Object.fromEntries(named);
    return username === undefined ? { urls } : { urls, username, credential };
  });
}

/** A file, as a Blob. */
export const download = (path) => exchange(path, {}, (response) => response.blob());

/** The address of a picture for an <img>, which cannot send headers. */
export function imageAddress(path) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? path : `${path}?token=${encodeURIComponent(token)}`;
}

/**
 * Reads server-sent events until the stream ends, or says nothing for SILENCE_LIMIT_MS (throws LimitError).
 * EventSource is not used because it cannot send the token in a header.
 * @param onEvent (name, data) for each event
 * @param onSound called for everything that comes, comments included
 */
export function readEvents(path, signal, onEvent, onSound) {
  const options = { headMs: HEAD_LIMIT_MS, limitMs: null, signal, headers: { Accept: "text/event-stream" } };
  return exchange(path, options, async (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const split = new EventSplitter(onEvent);
    try {
      for (;;) {
        const { value, done } = await within(SILENCE_LIMIT_MS, reader.read(), signal);
        if (done) return;
        onSound();
        split.feed(value);
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  });
}

/** Cuts text/event-stream into events. */
class EventSplitter {
  rest = "";

  constructor(onEvent) {
    this.onEvent = onEvent;
  }

  feed(text) {
    const blocks = (this.rest + text.replaceAll("\r\n", "\n")).split("\n\n");
    this.rest = blocks.pop();
    for (const block of blocks) {
      let name = "message";
      const data = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).trim());
      }
      if (data.length) this.onEvent(name, JSON.parse(data.join("\n")));
    }
  }
}
