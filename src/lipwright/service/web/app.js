// The page: which view is shown, with which key.

import * as api from "./api.js";
import { balanceText, showAccount } from "./account.js";
import { bench } from "./create.js";
import { button, byId, el, icon, showProblem } from "./dom.js";
import { showHistory, showPrediction } from "./history.js";
import { currentKey, forgetKey, keepKey } from "./key.js";
import { startTheme } from "./theme.js";

const VIEWS = ["connect", "create", "history", "prediction", "account"];
const work = bench(() => readBalance());
let leave = () => {};
let turn = 0;

/** Show the view that the address names; `moved` says that the user went there, so focus follows. */
async function route(moved) {
  leave();
  leave = () => {};
  const mine = (turn += 1);
  const [name, id] = location.hash.slice(1).split("/");
  const view = currentKey() === "" ? "connect" : VIEWS.includes(name) && name !== "connect" ? name : "create";
  for (const one of VIEWS) byId(`view-${one}`).hidden = one !== view;
  byId("nav").hidden = view === "connect";
  for (const link of byId("nav").querySelectorAll("a")) {
    if (link.hash === `#${view === "prediction" ? "history" : view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "connect") {
    byId("balance").hidden = true;
    return byId("key").focus();
  }
  if (moved) byId(`${view}-title`).focus();
  const node = byId(view === "create" ? "slot-options" : view);
  try {
    const stop = await fill(view, node, id);
    if (mine === turn) leave = stop ?? leave;
    else stop?.();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (mine === turn && error.status !== 401) node.replaceChildren(trouble(error));
  }
}

function fill(view, node, id) {
  if (view === "history") return showHistory(node);
  if (view === "prediction") return showPrediction(node, id);
  if (view === "account") return showAccount(node, disconnect);
  work.quiet();
  return work.open();
}

function trouble(error) {
  return el(
    "div",
    { class: "card notice-card", role: "alert" },
    el("p", {}, icon("alert"), el("span", { text: error.message })),
    button("Try again", { class: "quiet", onclick: () => route(false) }),
  );
}

async function readBalance() {
  if (currentKey() === "") return;
  try {
    const { balance } = await api.balance();
    byId("balance").replaceChildren(el("span", { class: "unseen", text: "Balance " }), balanceText(balance));
    byId("balance").hidden = false;
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("balance").hidden = true;
  }
}

async function connect(event) {
  event.preventDefault();
  const key = byId("key").value.trim();
  const problem = byId("key-problem");
  if (key === "") return showProblem(problem, "Paste your key first.");
  const submit = byId("key-form").querySelector("button");
  submit.disabled = true;
  try {
    await api.balance({ key });
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    const wrong = error.status === 401 ? "The server does not know this key. Check that all of it was copied." : error.message;
    showProblem(problem, wrong);
    byId("key").focus();
    return;
  } finally {
    submit.disabled = false;
  }
  showProblem(problem, "");
  keepKey(key, byId("key-remember").checked);
  byId("key").value = "";
  readBalance();
  route(true);
}

function disconnect() {
  forgetKey();
  route(true);
}

startTheme();
byId("key-form").addEventListener("submit", connect);
document.addEventListener("key-refused", () => {
  if (currentKey() === "") return;
  disconnect();
  showProblem(byId("key-problem"), "The server no longer accepts the key that was kept here. Enter another.");
});
window.addEventListener("hashchange", () => route(true));
// A file dropped beside the cards would replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
readBalance();
route(false);
