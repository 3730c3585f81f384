// Texts of logging in and of what somebody may, by language, as in texts-en.js.

import { addTexts } from "./strings.js";

const ENGLISH = {
  loginTitle: "Log in",
  loginText: "Paste the token that you were given.",
  loginDo: "Log in",
  loginSlow: "Too many wrong tokens came from here. Try again in {seconds} seconds.",
  tokenTitle: "Access token",
  tokenText: "This server asks for a token. You stay logged in on this browser for a day.",
  tokenWrong: "That token was not accepted. Try another.",
  token: "Token",
  logOut: "Log out",
  whoTitle: "Logged in as {name}: {role}",
  role_view: "may watch",
  role_control: "may watch and steer",
  role_admin: "may do everything",
  roleShort_view: "watching",
  roleShort_control: "steering",
  roleShort_admin: "admin",
  mayOnlyWatch: "You may watch. To follow objects, log in with a key that may control",
};

const GERMAN = {
  loginTitle: "Anmelden",
  loginText: "Das Token einfügen, das man dir gegeben hat.",
  loginDo: "Anmelden",
  loginSlow: "Von hier kamen zu viele falsche Tokens. In {seconds} Sekunden noch einmal versuchen.",
  tokenTitle: "Zugangstoken",
  tokenText: "Dieser Server verlangt ein Token. In diesem Browser bleibst du einen Tag lang angemeldet.",
  tokenWrong: "Dieses Token wurde nicht angenommen. Ein anderes versuchen.",
  token: "Token",
  logOut: "Abmelden",
  whoTitle: "Angemeldet als {name}: {role}",
  role_view: "darf zusehen",
  role_control: "darf zusehen und steuern",
  role_admin: "darf alles",
  roleShort_view: "sieht zu",
  roleShort_control: "steuert",
  roleShort_admin: "Verwaltung",
  mayOnlyWatch: "Du darfst zusehen. Um Objekte zu verfolgen, melde dich mit einem Schlüssel an, der steuern darf",
};

addTexts(ENGLISH, { de: GERMAN });
