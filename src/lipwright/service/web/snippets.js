// The call that was just made, for a shell, Python and JavaScript, ready to paste.

import { el, button, announce, freshId } from "./dom.js";
import { ADAPT, baseUrl, MODEL } from "./api.js";

const KEY = "LIPWRIGHT_KEY";

/** Text as one word of a POSIX shell. */
const shellWord = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A JSON value as Python writes it. */
function python(value, indent = "") {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (typeof value !== "object") return JSON.stringify(value);
  const rows = Object.entries(value).map(([name, one]) => `${indent}    ${JSON.stringify(name)}: ${python(one, `${indent}    `)},\n`);
  return `{\n${rows.join("")}${indent}}`;
}

/** {curl, python, javascript} for these inputs. */
export function snippetTexts(inputs, model = MODEL) {
  const body = JSON.stringify(inputs, null, 2);
  const curl = `# ${KEY} holds your API key.
id=$(curl -sS ${baseUrl}/api/v3/${model} \\
  -H "Authorization: Bearer $${KEY}" \\
  -H "Content-Type: application/json" \\
  -d ${shellWord(body)} |
  sed -n 's/.*"id": *"\\([0-9a-f]*\\)".*/\\1/p')

# Ask until "status" is "completed" or "failed".
curl -sS "${baseUrl}/api/v3/predictions/$id/result" \\
  -H "Authorization: Bearer $${KEY}"
`;
  const py = `# pip install wavespeed
import os

from wavespeed import Client

client = Client(api_key=os.environ["${KEY}"], base_url="${baseUrl}")
result = client.run("${model}", ${python(inputs)})
print(result["outputs"][0])
`;
  const js = `// npm install wavespeed
import { Client } from "wavespeed";

const client = new Client(process.env.${KEY}, { baseUrl: "${baseUrl}" });
const result = await client.run("${model}", ${body});
console.log(result.outputs[0]);
`;
  return { curl, python: py, javascript: js };
}

/** Tabs with the three texts; `note` says what they do. */
export function snippets(inputs, note, model = MODEL) {
  const texts = snippetTexts(inputs, model === ADAPT ? ADAPT : MODEL);
  const names = { curl: "curl", python: "Python", javascript: "JavaScript" };
  const group = freshId("snippet");
  const code = el("code");
  const panel = el("pre", { role: "tabpanel", id: `${group}-panel`, tabindex: "0" }, code);
  const tabs = Object.entries(names).map(([name, words]) =>
    el("button", { type: "button", role: "tab", id: `${group}-${name}`, "data-name": name, "aria-controls": `${group}-panel`, onclick: () => show(name), text: words }),
  );
  const copyButton = button("Copy", { class: "quiet small copy", onclick: copy });
  let shown = "curl";

  function show(name) {
    shown = name;
    code.replaceChildren(...coloured(texts[name]));
    panel.setAttribute("aria-labelledby", `${group}-${name}`);
    for (const tab of tabs) {
      const on = tab.dataset.name === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(texts[shown]);
    } catch (error) {
      if (!(error instanceof DOMException) && !(error instanceof TypeError)) throw error;
      selectText(code); // no clipboard on pages opened by plain http: the text is selected instead
      announce("The code is selected; copy it with the keyboard.");
      return;
    }
    copyButton.lastChild.textContent = "Copied";
    announce(`${names[shown]} copied.`);
    setTimeout(() => (copyButton.lastChild.textContent = "Copy"), 2000);
  }

  const bar = el("div", { role: "tablist", "aria-label": "Language" }, tabs);
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = tabs[(tabs.findIndex((tab) => tab.dataset.name === shown) + step + tabs.length) % tabs.length];
    show(next.dataset.name);
    next.focus();
  });
  show("curl");
  return el("section", { class: "card snippets", "aria-label": "The same in code" }, el("div", { class: "snippet-head" }, el("div", {}, el("h2", { text: "The same in code" }), el("p", { class: "muted small", text: note })), copyButton), bar, panel);
}

/** Comments and texts in their own colours: spans, no markup strings. */
function coloured(text) {
  return text.split(/("(?:[^"\\\n]|\\.)*"|^(?:#|\/\/).*$)/m).filter((part) => part !== "").map((part) => {
    if (part.startsWith('"')) return el("span", { class: "code-text", text: part });
    return /^(#|\/\/)/.test(part) ? el("span", { class: "code-note", text: part }) : document.createTextNode(part);
  });
}

function selectText(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}
