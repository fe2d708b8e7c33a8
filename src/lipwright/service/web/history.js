// Past predictions: the list, and the page of one.

import * as api from "./api.js";
import { announce, button, confirmation, el, icon, iconButton } from "./dom.js";
import { ago, money, moment, span } from "./format.js";
import { resultView } from "./result.js";
import { isOver } from "./run.js";
import { snippets } from "./snippets.js";
import { failedStage } from "./stage.js";

const PAGE_SIZE = 20;
const STATES = { created: "Waiting", processing: "Running", completed: "Completed", failed: "Failed", cancelled: "Cancelled" };

const pill = (status) => el("span", { class: `pill is-${status}`, text: STATES[status] ?? status });

/** What was charged, by prediction id, in dollars. Predictions without a bill are not in it. */
async function costs(ids) {
  if (ids.length === 0) return new Map();
  const { items } = await api.bills(ids);
  return new Map(items.map((item) => [item.prediction.uuid, item.price]));
}

/** Fill `node` with the list. Raises ApiError. */
export async function showHistory(node) {
  node.replaceChildren(el("p", { class: "muted", text: "Loading…" }));
  const body = el("tbody");
  const more = button("Show more", { class: "quiet", onclick: () => load().catch((error) => announce(error.message)) });
  const table = el(
    "table",
    { class: "list" },
    el("caption", { class: "unseen", text: "Past predictions, newest first" }),
    el("thead", {}, el("tr", {}, ["State", "Made", "Prediction", "Time", "Price"].map((name) => el("th", { scope: "col", text: name })), el("th", { scope: "col" }, el("span", { class: "unseen", text: "Actions" })))),
    body,
  );
  let page = 0;

  async function load() {
    page += 1;
    const { items } = await api.list(page, PAGE_SIZE);
    const price = await costs(items.map((item) => item.id));
    if (page === 1 && items.length === 0) return node.replaceChildren(nothing());
    body.append(...items.map((item) => row(item, price.get(item.id), removed)));
    more.hidden = items.length < PAGE_SIZE;
    if (page === 1) node.replaceChildren(el("div", { class: "card flush" }, table), more);
  }

  function removed(line) {
    const next = line.nextElementSibling ?? line.previousElementSibling;
    line.remove();
    if (next === null) node.replaceChildren(nothing());
    else next.querySelector("a")?.focus();
  }
  await load();
}

function nothing() {
  return el(
    "div",
    { class: "card stage-empty" },
    el("h2", { text: "Nothing here yet" }),
    el("p", { class: "muted", text: "Every run of this key is listed here, whether it came from this page or from code." }),
    el("a", { class: "button primary", href: "#create" }, el("span", { text: "Make the first one" }), icon("arrow")),
  );
}

function row(item, price, onRemoved) {
  const seconds = (item.executionTime ?? 0) / 1000;
  const short = item.id.slice(0, 8);
  const output = item.status === "completed" && item.model !== api.ADAPT ? api.outputUrl(item) : null;
  const actions = el(
    "td",
    { class: "row-actions" },
    output === null ? null : el("a", { class: "icon-button", href: output, download: `lipwright-${short}.mp4`, title: "Download" }, icon("download"), el("span", { class: "unseen", text: `Download ${short}` })),
    isOver(item) ? iconButton("trash", `Delete ${short}`, { onclick: () => remove(item, line, onRemoved) }) : null,
  );
  const why = item.status === "failed" ? el("span", { class: "why", text: item.error }) : null;
  const line = el(
    "tr",
    {},
    el("td", {}, pill(item.status)),
    el("td", { class: "cell-made" }, el("time", { datetime: item.created_at, title: moment(item.created_at), text: ago(item.created_at) })),
    el("td", { class: "cell-id" }, el("a", { href: `#prediction/${item.id}` }, el("code", { text: short }), el("span", { class: "unseen", text: " open" })), why),
    el("td", { class: "cell-number", "data-name": "Time", text: seconds > 0 ? span(seconds) : "–" }),
    el("td", { class: "cell-number", "data-name": "Price", text: price === undefined ? (isOver(item) ? "$0.00" : "–") : money(price) }),
    actions,
  );
  return line;
}

async function remove(item, line, onRemoved) {
  const sure = await confirmation({ title: "Delete this prediction?", text: "Its record and its files go at once, and cannot be brought back. The bill stays.", yes: "Delete" });
  if (!sure) return;
  try {
    await api.remove([item.id]);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    announce(error.message);
    return;
  }
  announce("Deleted.");
  onRemoved(line);
}

/** Fill `node` with one prediction; returns a function that stops what plays. Raises ApiError. */
export async function showPrediction(node, id) {
  node.replaceChildren(el("p", { class: "muted", text: "Loading…" }));
  const prediction = await api.prediction(id);
  const price = (await costs([id])).get(id) ?? null;
  const listed = Object.entries(prediction.input ?? {});
  const inputs = el(
    "section",
    { class: "card", "aria-label": "Inputs" },
    el("h2", { text: "Inputs" }),
    el("dl", { class: "inputs-list" }, listed.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: shorten(String(value)) })))),
  );
  const code = snippets(prediction.input ?? {}, "The call that made this prediction. Your key is read from the environment.", prediction.model);
  const head = el("p", { class: "prediction-head" }, pill(prediction.status), el("code", { text: prediction.id }));
  if (prediction.status === "completed") {
    const result = resultView(prediction, { cost: price });
    node.replaceChildren(head, el("div", { class: "bench" }, el("div", { class: "bench-stage" }, result.node), el("div", { class: "bench-side" }, inputs, code)));
    return result.close;
  }
  const running = el("p", { class: "card", text: "This one is not finished yet. It goes on whether or not this page is open." });
  node.replaceChildren(head, el("div", { class: "bench" }, el("div", { class: "bench-stage" }, isOver(prediction) ? failedStage(prediction, []) : running), el("div", { class: "bench-side" }, inputs, code)));
  return () => {};
}

/** Data URIs and signatures make long values; their beginning tells enough. */
const shorten = (text) => (text.length > 160 ? `${text.slice(0, 157)}…` : text);
