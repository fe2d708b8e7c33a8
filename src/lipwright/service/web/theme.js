// Light, dark, or as the system says.

import { byId } from "./dom.js";

const NAME = "lipwright-theme";
const ORDER = ["auto", "light", "dark"];
const WORDS = { auto: "Colours: as the system", light: "Colours: light", dark: "Colours: dark" };

function show(theme) {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
  byId("theme-name").textContent = WORDS[theme];
  byId("theme").title = WORDS[theme];
}

/** Show the kept choice, and let the button go round the three. */
export function startTheme() {
  const kept = localStorage.getItem(NAME);
  let theme = ORDER.includes(kept) ? kept : "auto";
  show(theme);
  byId("theme").addEventListener("click", () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    localStorage.setItem(NAME, theme);
    show(theme);
  });
}
