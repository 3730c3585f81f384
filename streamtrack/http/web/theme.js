// Light or dark, as it was chosen on this browser; every page that imports this has it.

const STORE = "streamtrack.theme";
export const THEMES = ["auto", "dark", "light"];

/** The scheme that was chosen; "auto" is the system's. */
export function themeNow() {
  try {
    const theme = localStorage.getItem(STORE);
    return THEMES.includes(theme) ? theme : "auto";
  } catch {
    return "auto";
  }
}

export function chooseTheme(theme) {
  try {
    localStorage.setItem(STORE, theme);
  } catch {
    // then it holds for this visit
  }
  show(theme);
}

function show(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

show(themeNow());
