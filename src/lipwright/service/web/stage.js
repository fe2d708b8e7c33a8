// The right-hand side of the bench: nothing yet, running, or how it ended.

import { el, icon, button, announce } from "./dom.js";
import { span, title } from "./format.js";

const STEPS = [
  ["upload", "Upload"],
  ["queue", "Wait for a place"],
  ["work", "Render"],
];

/** What is shown before the first run. `onSample` fills in the bundled samples. */
export function emptyStage(onSample) {
  return el(
    "div",
    { class: "stage-empty" },
    el("div", { class: "stage-art", "aria-hidden": "true" }, el("i"), el("i"), el("i"), el("i"), el("i"), el("i"), el("i")),
    el("h2", { text: "Your video appears here" }),
    el("p", { class: "muted", text: "Add a video and a voice, then press Lip-sync. You can compare before with after, and take the file or the code with you." }),
    button("Try it with the sample presenter", { class: "quiet", onclick: onSample }, icon("play")),
  );
}

/** The panel of a run; `update(state)` shows a state of run.js, `work` names its last step. */
export function runningStage({ onCancel, work = "Render" }) {
  const began = Date.now();
  const bar = el("progress", { class: "bar", max: 1, value: 0, "aria-label": "Progress" });
  const percent = el("span", { class: "percent", text: "0", "aria-hidden": "true" });
  const headline = el("h2", { text: "Starting" });
  const detail = el("p", { class: "muted", text: "" });
  const steps = STEPS.map(([name, words]) => el("li", { "data-step": name }, el("i", { "aria-hidden": "true" }), el("span", { text: name === "work" ? work : words })));
  const stop = button("Cancel", { class: "quiet", onclick: cancel }, icon("close"));
  const node = el(
    "div",
    { class: "stage-running" },
    el("div", { class: "running-head" }, el("div", {}, headline, detail), el("p", { class: "percent-box", "aria-hidden": "true" }, percent, "%")),
    bar,
    el("ol", { class: "steps" }, steps),
    stop,
  );
  let said = "";
  let workBegan = null;

  function cancel() {
    stop.disabled = true;
    stop.lastChild.textContent = "Cancelling…";
    onCancel();
  }

  function say(sentence) {
    if (sentence === said) return;
    said = sentence;
    announce(sentence);
  }

  function update(state) {
    const { phase, fraction } = state;
    const whole = Math.min(100, Math.floor(fraction * 100));
    const at = phase === "offline" ? 2 : STEPS.findIndex(([name]) => name === phase);
    steps.forEach((step, i) => {
      step.className = i < at ? "is-done" : i === at ? "is-now" : "";
      if (i === at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    bar.classList.toggle("is-waiting", phase === "queue");
    if (phase === "queue") bar.removeAttribute("value");
    else bar.value = fraction;
    node.classList.toggle("is-queued", phase === "queue");
    percent.textContent = String(whole);
    if (phase === "work" && workBegan?.stage !== state.stage) workBegan = { stage: state.stage, time: Date.now(), fraction };
    const words = wordsFor(state, remaining(workBegan, fraction));
    headline.textContent = words.headline;
    detail.textContent = words.detail === "" ? `Running for ${span((Date.now() - began) / 1000)}` : words.detail;
    say(phase === "queue" || phase === "offline" ? words.headline : `${words.headline}, ${Math.floor(whole / 10) * 10} percent.`);
    document.title = phase === "queue" ? "Waiting · lipwright" : `${whole} % · lipwright`;
  }
  return { node, update };
}

function wordsFor({ phase, stage }, left) {
  if (phase === "upload") return { headline: "Uploading", detail: "Your files go to this server only." };
  if (phase === "queue") return { headline: "Waiting for a place", detail: "Accepted and safe: it runs as soon as a slot is free, even if you close this page." };
  if (phase === "offline") return { headline: "The server does not answer", detail: "Your job is kept there. Asking again…" };
  return { headline: stage === "" ? "Working" : (STAGES[stage] ?? title(stage)), detail: left };
}

/** A guess from the pace of this stage, since stages differ; empty while there is too little to guess from. */
function remaining(began, fraction) {
  if (began === null || fraction - began.fraction < 0.05) return "";
  const elapsed = (Date.now() - began.time) / 1000;
  const left = (elapsed / (fraction - began.fraction)) * (1 - fraction);
  return left < 2 ? "Nearly there" : `About ${span(left)} left`;
}

/** Names of stages that say more to people than the server's own. */
const STAGES = { track: "Following the face", mouths: "Keeping the mouths", "lip-sync": "Painting the mouth" };

const ADVICE = {
  1402: "Check that the link opens without a login, or upload the file instead.",
  1407: "Ask whoever runs this server for more balance.",
  1200: "The safety check of this server refused the result.",
  5004: "Try a shorter video, or fewer steps.",
};

/** The panel after a failure. `sentence` says what happened; nothing is charged for a failed run. */
export function failedStage({ status, error, code }, actions) {
  const cancelled = status === "cancelled";
  const known = error !== undefined && error !== "";
  return el(
    "div",
    { class: `stage-failed ${cancelled ? "is-cancelled" : ""}` },
    el("span", { class: "stage-mark" }, icon(cancelled ? "close" : "alert")),
    el("h2", { tabindex: "-1", text: cancelled ? "Cancelled" : "That did not work" }),
    el("p", { class: "sentence", text: cancelled ? "You stopped this run." : known ? error : "The server gave no reason." }),
    !cancelled && code in ADVICE ? el("p", { class: "muted", text: ADVICE[code] }) : null,
    el("p", { class: "muted small", text: "Nothing was charged." }),
    el("div", { class: "actions" }, actions),
  );
}
