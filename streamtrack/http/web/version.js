// Whether the server still has the page that is open: it may have been updated while the page stayed.

import { send } from "./api.js";

const $ = (id) => document.getElementById(id);
let mine = null;

/** Asks which page the server has; offers to reload where it is another one than this. Never throws. */
export async function checkVersion() {
  let told;
  try {
    told = await send("GET", "/web/version.json");
  } catch {
    return; // its trouble shows elsewhere
  }
  mine ??= told.version;
  $("fresh").hidden = told.version === mine;
  $("reload").onclick = () => location.reload();
}
