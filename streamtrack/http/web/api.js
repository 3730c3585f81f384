// Requests to the server: token, errors as one line, server-sent events.

const TOKEN_KEY = "streamtrack.token";

/** An answer that was not 2xx; the message is the server's own line. */
export class ApiError extends Error {
  constructor(status, message, retryAfterS) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits that double up to a limit, with a random share so that many pages do not knock at once. */
export class Backoff {
  constructor(firstMs = 400, limitMs = 10_000) {
    this.firstMs = firstMs;
    this.limitMs = limitMs;
    this.reset();
  }
  reset() {
    this.nextMs = this.firstMs;
  }
  wait(atLeastMs = 0) {
    const ms = Math.max(this.nextMs * (0.75 + 0.5 * Math.random()), atLeastMs);
    this.nextMs = Math.min(this.nextMs * 2, this.limitMs);
    return sleep(ms);
  }
}

/** Takes a token out of the address (?token= or #token=) before anyone can read it over a shoulder or in a history. */
export function adoptTokenFromAddress() {
  const url = new URL(location.href);
  const fromHash = new URLSearchParams(url.hash.slice(1)).get("token");
  const token = url.searchParams.get("token") ?? fromHash;
  if (token === null) return;
  sessionStorage.setItem(TOKEN_KEY, token);
  url.searchParams.delete("token");
  if (fromHash !== null) url.hash = "";
  history.replaceState(null, "", url);
}

let asking = null;

/** Asks for the token; several requests that fail together share one question. */
function askToken() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("token-dialog");
    const input = document.getElementById("token");
    const known = sessionStorage.getItem(TOKEN_KEY) !== null;
    if (known) document.getElementById("token-text").textContent = "That token was not accepted. Try another.";
    input.value = "";
    // Escape would leave a page that can do nothing.
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => {
      sessionStorage.setItem(TOKEN_KEY, input.value.trim());
      asking = null;
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}

/** fetch with the token; asks for one at 401. Throws ApiError for anything but 2xx. */
export async function request(path, options = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const headers = { ...options.headers };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
    if (response.ok) return response;
    if (response.status === 401) {
      if (sessionStorage.getItem(TOKEN_KEY) === token) await askToken();
      continue;
    }
    throw await errorOf(response);
  }
}

async function errorOf(response) {
  let message = `${response.status} ${response.statusText}`;
  try {
    const body = await response.json();
    if (typeof body.error === "string") message = body.error;
  } catch {
    // Not JSON: a proxy in between. The status line has to do.
  }
  return new ApiError(response.status, message, Number(response.headers.get("Retry-After")) || 0);
}

/** Sends JSON, gives JSON back. */
export async function send(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await request(path, options);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** The address of a picture for an <img>, which cannot send headers. */
export function imageAddress(path) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token === null ? path : `${path}?token=${encodeURIComponent(token)}`;
}

/**
 * Reads server-sent events until the stream ends; calls onEvent(name, data) for each.
 * EventSource is not used because it cannot send the token in a header.
 */
export async function readEvents(path, signal, onEvent) {
  const response = await request(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r\n", "\n");
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      let name = "message";
      const data = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("event:")) name = line.slice(6).trim();
        else if (line.startsWith("data:")) data.push(line.slice(5).trim());
      }
      if (data.length) onEvent(name, JSON.parse(data.join("\n")));
    }
  }
}
