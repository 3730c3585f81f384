// Texts of logging in and of what somebody may, by language, as in texts-en.js.

import { addTexts } from "./strings.js";

const ENGLISH = {
  loginTitle: "Log in",
  loginText: "Paste the token that you were given.",
  loginDo: "Log in",
  logOut: "Log out",
  whoTitle: "Logged in as {name}: {role}",
  role_view: "may watch",
  role_control: "may watch and steer",
  role_admin: "may do everything",
  roleShort_view: "watching",
  roleShort_control: "steering",
  roleShort_admin: "admin",
  error_role: "You may watch. To follow objects, log in with a key that may control",
  mayOnlyWatch: "You may watch. To follow objects, log in with a key that may control",
};

const GERMAN = {
  loginTitle: "Anmelden",
  loginText: "Das Token einfügen, das man dir gegeben hat.",
  loginDo: "Anmelden",
  logOut: "Abmelden",
  whoTitle: "Angemeldet als {name}: {role}",
  role_view: "darf zusehen",
  role_control: "darf zusehen und steuern",
  role_admin: "darf alles",
  roleShort_view: "sieht zu",
  roleShort_control: "steuert",
  roleShort_admin: "Verwaltung",
  error_role: "Du darfst zusehen. Um Objekte zu verfolgen, melde dich mit einem Schlüssel an, der steuern darf",
  mayOnlyWatch: "Du darfst zusehen. Um Objekte zu verfolgen, melde dich mit einem Schlüssel an, der steuern darf",
};

addTexts(ENGLISH, { de: GERMAN });
