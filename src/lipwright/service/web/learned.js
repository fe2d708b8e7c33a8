// How a finished adapt prediction is shown: what was good about the clip, and what is missing.

import * as api from "./api.js";
import { el, icon } from "./dom.js";

/** The panel; `actions` come last. */
export function learnedView(prediction, actions = []) {
  const findings = el("ul", { class: "findings", "aria-label": "About the clip" });
  const words = el("p", { class: "muted small" });
  const name = prediction.input?.name ?? `face-${prediction.id.slice(0, 8)}`;
  const node = el(
    "div",
    { class: "stage-done stage-learned" },
    el("h2", {}, icon("check"), `${name} was learned`),
    el("p", { class: "muted" }, "It is among the models of the options now. In code, ", el("code", { text: "model" }), " is ", el("code", { text: prediction.id }), "."),
    findings,
    words,
    el("div", { class: "actions" }, actions),
  );
  fill(prediction.id, findings, words);
  return { node, close() {} };
}

async function fill(id, findings, words) {
  try {
    const report = await api.report(id);
    const said = report.findings ?? [];
    findings.replaceChildren(...said.map(({ good, sentence }) => el("li", { class: good ? "is-good" : "is-missing" }, icon(good ? "check" : "alert"), el("span", { text: sentence }))));
    findings.hidden = said.length === 0;
    words.textContent = [report.method, report.consent].filter((one) => typeof one === "string").join(" ");
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    words.textContent = error.message;
  }
}
