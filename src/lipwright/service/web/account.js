// Balance, use, and the key in this browser.

import * as api from "./api.js";
import { button, el, icon } from "./dom.js";
import { money } from "./format.js";
import { forgetKey, isRemembered, maskedKey } from "./key.js";

const DAYS = 30;
const DAY_MS = 24 * 3600 * 1000;

/** Fill `node`. `onForget` is called after the key was forgotten. Raises ApiError. */
export async function showAccount(node, onForget) {
  node.replaceChildren(el("p", { class: "muted", text: "Loading…" }));
  const now = new Date();
  const [{ balance }, usage] = await Promise.all([api.balance(), api.usage(new Date(now - DAYS * DAY_MS), now)]);
  node.replaceChildren(
    el(
      "div",
      { class: "tiles" },
      tile("Balance", balanceText(balance), "Reserved when a run starts, charged when it completes, returned when it fails."),
      tile("Spent", money(usage.summary.total_cost), `In the last ${DAYS} days.`),
      tile("Runs", String(usage.summary.total_requests), runsText(usage.summary)),
    ),
    chart(usage.daily_usage, now),
    keyCard(onForget),
  );
}

export const balanceText = (balance) => (balance >= 1e6 ? "Unlimited" : money(balance));

function runsText({ total_requests: total, success_requests: good }) {
  if (total === 0) return "None yet.";
  return good === total ? "All completed." : `${good} completed, ${total - good} did not.`;
}

function tile(name, value, note) {
  return el("section", { class: "card tile" }, el("h2", { text: name }), el("p", { class: "figure", text: value }), el("p", { class: "muted small", text: note }));
}

/** Cost per day as bars, with the same figures as a table for those who do not see them. */
function chart(daily, now) {
  const byDay = new Map(daily.map((one) => [one.date.slice(0, 10), one]));
  const days = Array.from({ length: DAYS }, (_, i) => {
    const date = new Date(now - (DAYS - 1 - i) * DAY_MS).toISOString().slice(0, 10);
    return { date, amount: byDay.get(date)?.amount ?? 0, count: byDay.get(date)?.count ?? 0 };
  });
  const most = Math.max(...days.map((day) => day.amount));
  const words = (date) => new Date(date).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
  const bars = el("div", { class: "chart", "aria-hidden": "true" }, days.map((day) => {
    const bar = el("i", { title: `${words(day.date)}: ${money(day.amount)}, ${day.count} runs`, class: day.amount === 0 ? "is-none" : "" });
    bar.style.setProperty("--share", String(most > 0 ? day.amount / most : 0));
    return bar;
  }));
  const used = days.filter((day) => day.count > 0);
  const table = el(
    "table",
    { class: "unseen" },
    el("caption", { text: "Cost per day" }),
    el("thead", {}, el("tr", {}, ["Day", "Cost", "Runs"].map((name) => el("th", { scope: "col", text: name })))),
    el("tbody", {}, used.map((day) => el("tr", {}, el("td", { text: day.date }), el("td", { text: money(day.amount) }), el("td", { text: String(day.count) })))),
  );
  return el(
    "section",
    { class: "card" },
    el("div", { class: "chart-head" }, el("h2", { text: "Cost per day" }), el("p", { class: "muted small", text: most > 0 ? `Highest: ${money(most)}` : "No cost yet." })),
    bars,
    el("div", { class: "chart-feet muted small", "aria-hidden": "true" }, el("span", { text: words(days[0].date) }), el("span", { text: words(days.at(-1).date) })),
    table,
  );
}

function keyCard(onForget) {
  const forget = button("Forget this key", {
    class: "quiet",
    onclick: () => {
      forgetKey();
      onForget();
    },
  });
  const where = isRemembered() ? "Remembered on this device." : "Kept until this tab closes.";
  return el("section", { class: "card key-row" }, el("div", {}, el("h2", {}, icon("key"), "Key"), el("p", {}, el("code", { text: maskedKey() }), el("span", { class: "muted", text: ` ${where}` }))), forget);
}
