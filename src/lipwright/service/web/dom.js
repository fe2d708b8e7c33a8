// Building the page: elements without markup strings, so that nothing a server or a file says becomes markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Props: `class`, `text`, `on*` listeners, booleans (set or left out), anything else an attribute. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** One of the symbols in index.html; decoration, hidden from assistive technology. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button of type "button". */
export function button(label, props = {}, ...children) {
  const text = typeof label === "string" ? el("span", { text: label }) : label;
  return el("button", { type: "button", ...props }, ...children, text);
}

/** A square button that shows an icon and says `label`. */
export function iconButton(name, label, props = {}) {
  return button(el("span", { class: "unseen", text: label }), { class: "icon-button", title: label, ...props }, icon(name));
}

export const byId = (id) => document.getElementById(id);

/** Say `sentence` to screen readers, politely. */
export function announce(sentence) {
  byId("announcer").textContent = sentence;
}

/** Show a problem under what caused it, or hide it when the sentence is empty. */
export function showProblem(node, sentence) {
  node.textContent = sentence;
  node.hidden = sentence === "";
}

let count = 0;

/** An id that no other element has. */
export function freshId(stem) {
  count += 1;
  return `${stem}-${count}`;
}

/** Ask before something that cannot be undone; resolves to whether the answer was yes. */
export function confirmation({ title, text, yes }) {
  const titleId = freshId("dialog");
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": titleId },
    el("h2", { id: titleId, text: title }),
    el("p", { text }),
    el(
      "form",
      { method: "dialog", class: "dialog-actions" },
      el("button", { class: "quiet", value: "no", text: "Keep it" }),
      el("button", { class: "danger", value: "yes", text: yes }),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
