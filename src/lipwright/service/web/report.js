// The report of a run, for people; the JSON itself is one click away.

import { el, icon } from "./dom.js";
import { plain, span, title } from "./format.js";

/** The report as a card. Reports are shown field by field; what a newer server adds is in the JSON. */
export function reportView(report, id) {
  const json = new Blob([JSON.stringify(report, null, 1)], { type: "application/json" });
  const link = el("a", { class: "link", href: URL.createObjectURL(json), download: `${id}-report.json` }, icon("download"), "Report as JSON");
  return el(
    "div",
    { class: "report" },
    warnings(report.warnings ?? []),
    el("dl", { class: "facts" }, facts(report).map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value })))),
    timings(report.timings_s ?? {}),
    edited(report),
    link,
  );
}

function facts(report) {
  const face = report.face ?? {};
  const rows = [
    ["Picture", report.width && `${report.width} × ${report.height}`],
    ["Frames", report.frames && report.rate && `${report.frames} at ${plain(report.rate)} per second`],
    ["Length", report.duration_s && span(report.duration_s)],
    ["Length mode", report.length_mode && title(report.length_mode)],
    ["Frames untouched", report.untouched_frames !== undefined && String(report.untouched_frames)],
    ["Model", report.model],
    ["Steps", report.steps && String(report.steps)],
    ["Guidance", report.guidance !== undefined && plain(report.guidance)],
    ["Seed", report.seed !== undefined && String(report.seed)],
    ["Encoder", report.codec],
    ["Computed on", report.device && `${report.device} (${report.dtype})`],
    ["Wall time", report.wall_s && span(report.wall_s)],
    ...Object.entries(face).filter(([, value]) => typeof value !== "object").map(([name, value]) => [`Face: ${title(name).toLowerCase().replace(/^face /, "")}`, typeof value === "number" ? plain(value) : String(value)]),
  ];
  return rows.filter(([, value]) => typeof value === "string" && value !== "");
}

function warnings(list) {
  if (list.length === 0) return null;
  return el("ul", { class: "warnings", "aria-label": "Warnings" }, list.map((text) => el("li", {}, icon("alert"), el("span", { text }))));
}

function timings(seconds) {
  const rows = Object.entries(seconds).filter(([, value]) => typeof value === "number");
  if (rows.length === 0) return null;
  const most = Math.max(...rows.map(([, value]) => value), 0.001);
  return el(
    "section",
    { class: "timings" },
    el("h3", { text: "Time per stage" }),
    el("dl", {}, rows.map(([name, value]) => {
      const bar = el("span", { class: "timing-bar", "aria-hidden": "true" });
      bar.style.setProperty("--share", String(value / most));
      return el("div", {}, el("dt", { text: title(name) }), el("dd", {}, bar, span(value)));
    })),
  );
}

/** Which stretches of the video were repainted, as a strip with words beside it. */
function edited({ edited: ranges, frames, rate }) {
  if (!Array.isArray(ranges) || ranges.length === 0 || !frames) return null;
  const strip = el("div", { class: "strip", "aria-hidden": "true" }, ranges.map(({ start, stop }) => {
    const piece = el("i");
    piece.style.setProperty("--from", `${(start / frames) * 100}%`);
    piece.style.setProperty("--width", `${((stop - start) / frames) * 100}%`);
    return piece;
  }));
  const count = ranges.reduce((sum, { start, stop }) => sum + stop - start, 0);
  const parts = ranges.length === 1 ? "in one stretch" : `in ${ranges.length} stretches`;
  return el("section", {}, el("h3", { text: "Repainted mouths" }), strip, el("p", { class: "muted small", text: `${count} of ${frames} frames (${span(count / (rate || 25))}), ${parts}.` }));
}
