// What was recorded: the page links to it where the server records.

import { send } from "./api.js";

const $ = (id) => document.getElementById(id);
const LEAD_MS = 2000; // an event is seen coming

/** Asks whether the server records; links the list of events to it. Never throws. */
export async function checkHistory(log) {
  let on;
  try {
    ({ on } = await send("GET", `/recordings?from_ms=${Date.now() - 1000}`));
  } catch {
    return; // its trouble shows elsewhere
  }
  $("history").hidden = !on;
  log.linkTo((stream, at) => (on ? `/timeline#stream=${encodeURIComponent(stream)}&t=${at.getTime() - LEAD_MS}` : null));
}
