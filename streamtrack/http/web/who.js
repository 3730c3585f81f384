// Who is logged in, in the bar, and the way out.

import "./access-texts.js";
import { forgetToken, onLogIn, send } from "./api.js";
import { setRole } from "./role.js";
import { text } from "./strings.js";

const $ = (id) => document.getElementById(id);

/** Asks the server who is here, now and after each login, and shows it. */
export async function showWho() {
  onLogIn(ask);
  $("log-out").onclick = logOut;
  await ask();
}

async function ask() {
  let who;
  try {
    who = await send("GET", "/whoami");
  } catch {
    return; // an answer comes with the next login; until then the server refuses what may not be
  }
  setRole(who.role);
  const named = { name: who.name, role: text(`role_${who.role}`) };
  $("who").hidden = !who.asks;
  $("who").title = text("whoTitle", named);
  $("who-name").textContent = who.name;
  $("who-role").textContent = text(`roleShort_${who.role}`);
}

async function logOut() {
  forgetToken();
  try {
    await send("POST", "/logout");
  } finally {
    location.assign("/login");
  }
}
