// A token for a session: the server answers with a cookie that no script can read, and the token is forgotten.

import { addTexts, text } from "./strings.js";

addTexts(
  { loginSlow: "Too many wrong tokens came from here. Try again in {seconds} seconds." },
  { de: { loginSlow: "Von hier kamen zu viele falsche Tokens. In {seconds} Sekunden noch einmal versuchen." } },
);

/** Takes a token out of the address (?token= or #token=) before anyone can read it over a shoulder or in a history. */
export function takeToken() {
  const url = new URL(location.href);
  const fromHash = new URLSearchParams(url.hash.slice(1)).get("token");
  const token = url.searchParams.get("token") ?? fromHash;
  if (token === null) return null;
  url.searchParams.delete("token");
  if (fromHash !== null) url.hash = "";
  history.replaceState(null, "", url);
  return token;
}

/** Why a token was not taken, for a person. */
export function whyNot(kind, waitS = 0) {
  const name = { too_many_guesses: "loginSlow", busy: "error_busy", none: "error_none" }[kind] ?? "tokenWrong";
  return text(name, { seconds: waitS || 60 });
}

/** A path on this server; the page itself where there is none, or another server's. */
export function ownPath(path) {
  return path !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) ? path : "/";
}

/**
 * Begins a session by a token.
 * @returns kind: "in"; "absent" where this server has no sessions; "none" where no answer came; else why not, as the
 *   server names it, and waitS for how long it listens to nobody from here
 */
export async function logIn(token) {
  const body = JSON.stringify({ token });
  // The header is for a server that has no sessions, to be told that by it.
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token}` };
  try {
    const answer = await fetch("/login", { method: "POST", headers, body, credentials: "same-origin", cache: "no-store" });
    if (answer.ok) return { kind: "in" };
    if (answer.status === 404 || answer.status === 405) return { kind: "absent" };
    const told = await answer.json().catch(() => ({}));
    return { kind: told.kind ?? "unauthorized", waitS: Number(answer.headers.get("Retry-After")) || 0 };
  } catch {
    return { kind: "none" };
  }
}
