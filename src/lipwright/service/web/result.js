// How a finished prediction is shown: the comparison, what to do with it, its report.

import * as api from "./api.js";
import { el, icon, button, showProblem } from "./dom.js";
import { money, moment, span } from "./format.js";
import { compare } from "./compare.js";
import { reportView } from "./report.js";
import { learnedView } from "./learned.js";

/** The panel of a completed prediction. `before` overrides where the source is shown from; `actions` come last. */
export function resultView(prediction, { before = api.inputUrl(prediction), cost = null, actions = [] } = {}) {
  if (prediction.model === api.ADAPT) return learnedView(prediction, actions);
  const after = api.outputUrl(prediction);
  if (after === null) return { node: el("p", { class: "muted", text: "The output was swept or deleted; only the record is left." }), close() {} };
  const figure = compare({ before, after, longer: prediction.input?.longer });
  const { toggle, panel } = reportToggle(prediction.id);
  const node = el(
    "div",
    { class: "stage-done" },
    figure.node,
    el(
      "div",
      { class: "result-bar" },
      el("p", { class: "result-facts" }, facts(prediction, cost).map((text) => el("span", { text }))),
      el(
        "div",
        { class: "actions" },
        el("a", { class: "button primary", href: after, download: `lipwright-${prediction.id.slice(0, 8)}.mp4` }, icon("download"), el("span", { text: "Download" })),
        toggle,
        actions,
      ),
    ),
    safety(prediction),
    panel,
  );
  return { node, close: figure.close };
}

function facts(prediction, cost) {
  const seconds = (prediction.executionTime ?? prediction.timings?.inference ?? 0) / 1000;
  return [seconds > 0 ? `Rendered in ${span(seconds)}` : "Rendered", cost === null ? null : money(cost), moment(prediction.created_at)].filter((one) => one !== null);
}

function safety({ has_nsfw_contents: flags }) {
  if (!(flags ?? []).includes(true)) return null;
  return el("p", { class: "notice" }, icon("alert"), el("span", { text: "The safety check marked this output as not safe for work." }));
}

/** A button that opens the report below. */
function reportToggle(id) {
  const panel = el("div", { class: "report-panel", id: `report-${id}`, hidden: true });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  let loaded = false;
  const toggle = button(
    "Report",
    {
      class: "quiet",
      "aria-expanded": "false",
      "aria-controls": `report-${id}`,
      onclick: async () => {
        panel.hidden = !panel.hidden;
        toggle.setAttribute("aria-expanded", String(!panel.hidden));
        if (panel.hidden || loaded) return;
        panel.replaceChildren(el("p", { class: "muted", text: "Fetching the report…" }));
        try {
          panel.replaceChildren(reportView(await api.report(id), id));
          loaded = true;
        } catch (error) {
          if (!(error instanceof api.ApiError)) throw error;
          panel.replaceChildren(problem);
          showProblem(problem, error.message);
        }
      },
    },
    icon("report"),
  );
  return { toggle, panel };
}
