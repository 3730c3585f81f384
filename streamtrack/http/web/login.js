// The login page. Without scripts its form does the same.

import "./access-texts.js";
import { logIn, ownPath, takeToken, whyNot } from "./login-request.js";
import { fillTexts } from "./strings.js";
import "./theme.js";

const byId = (id) => document.getElementById(id);
const asked = new URL(location.href).searchParams;
const goal = ownPath(asked.get("next"));

fillTexts(document);
byId("next").value = goal;
if (asked.has("wrong")) tell(asked.get("wrong"));
history.replaceState(null, "", goal === "/" ? "/login" : `/login?next=${encodeURIComponent(goal)}`);

const brought = takeToken();
if (brought !== null) enter(brought);

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(byId("token").value.trim());
});

async function enter(token) {
  const button = byId("login").querySelector("button");
  button.disabled = true;
  const { kind, waitS } = await logIn(token);
  button.disabled = false;
  if (kind === "in") return location.replace(goal);
  tell(kind, waitS);
  byId("token").value = "";
  byId("token").focus();
}

function tell(kind, waitS) {
  byId("login-wrong").textContent = whyNot(kind, waitS);
  byId("login-wrong").hidden = false;
}
