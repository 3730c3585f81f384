// What whoever is logged in may do, as far as the page knows; the server decides anew each time.

const ROLES = ["view", "control", "admin"];
let role = "admin"; // until the server says otherwise, and where it asks nobody

/** The page's role from now on; what it may not do is no longer offered (access.css). */
export function setRole(name) {
  role = ROLES.includes(name) ? name : "admin";
  document.documentElement.dataset.role = role;
}

/** Whether a role may do what needs `need`: view, control or admin. */
export const may = (need) => ROLES.indexOf(role) >= ROLES.indexOf(need);
