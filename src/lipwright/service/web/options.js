// The form of options, made from the request schema that the server publishes: ranges and help come from there.

import { el, button, freshId } from "./dom.js";
import { plain, title } from "./format.js";

/** Inputs with a place of their own on the page, or of no use from a page. */
const ELSEWHERE = new Set(["video", "audio", "webhook_url", "enable_sync_mode", "enable_base64_output"]);

/** Shown at once, in this order, when the server has them; everything else waits behind "More". */
const FIRST = ["model", "steps", "guidance", "seed", "longer", "shorter", "gap"];

/** Names that say more than the option's own; others are shown as they are. */
const NAMES = {
  crf: "Quality (CRF)",
  gap: "Frames without a face",
  longer: "Voice longer than the video",
  shorter: "Voice shorter than the video",
  reuse: "Reuse of steps",
  provenance: "Content credentials",
};

/** Above this many steps a slider cannot be set with any precision, so that a field is shown. */
const SLIDER_STEPS = 200;

/** The form for a schema; `values()` holds only what differs from the defaults. */
export function optionsForm(schema, onChange) {
  const names = (schema["x-order-properties"] ?? Object.keys(schema.properties)).filter((name) => !ELSEWHERE.has(name) && name in schema.properties);
  const fields = names.map((name) => field(name, schema.properties[name], changed));
  const first = FIRST.map((name) => fields.find((one) => one.name === name)).filter((one) => one !== undefined);
  const rest = fields.filter((one) => !first.includes(one));
  const more = el("details", { class: "more-options", hidden: rest.length === 0 }, el("summary", { text: "More" }), el("div", { class: "option-grid" }, rest.map((one) => one.node)));
  const badge = el("span", { class: "badge", hidden: true });
  const reset = button("Back to defaults", {
    class: "link",
    hidden: true,
    onclick: () => {
      fields.forEach((one) => one.set(undefined));
      changed();
      node.querySelector("summary").focus();
    },
  });
  const node = el(
    "details",
    { class: "card options", id: "options" },
    el("summary", {}, el("span", { class: "summary-title", text: "Options" }), badge),
    el("div", { class: "option-grid" }, first.map((one) => one.node)),
    more,
    reset,
  );

  function values() {
    return Object.fromEntries(fields.filter((one) => one.value() !== undefined).map((one) => [one.name, one.value()]));
  }

  function changed() {
    const count = Object.keys(values()).length;
    badge.hidden = count === 0;
    badge.textContent = count === 1 ? "1 changed" : `${count} changed`;
    reset.hidden = count === 0;
    onChange();
  }

  return {
    node,
    values,
    /** Fill in the options of an earlier run. */
    fill(input) {
      fields.forEach((one) => one.set(input[one.name]));
      changed();
    },
    /** Whether all fields are in range; shows and focuses the first that is not. */
    check() {
      const bad = fields.filter((one) => !one.check());
      if (bad.length > 0) {
        node.open = true;
        more.open ||= rest.includes(bad[0]);
        bad[0].focus();
      }
      return bad.length === 0;
    },
  };
}

/** One field: `value()` is undefined when it is the default, `set(undefined)` brings the default back. */
function field(name, property, onChange) {
  const id = freshId("option");
  const ids = { id, help: `${id}-help`, problem: `${id}-problem` };
  const control = makeControl(property, ids, onChange);
  const problem = el("p", { class: "problem", id: ids.problem, hidden: true });
  const range = control.range === "" ? "" : ` (${control.range})`;
  const help = el("p", { class: "help", id: ids.help, text: `${property.description ?? ""}${range}` });
  const label = el("label", { for: id, text: property.title ?? NAMES[name] ?? title(name) });
  const node = el("div", { class: `option option-${control.kind}` }, label, control.node, help, problem);

  function check() {
    const sentence = control.problem();
    problem.hidden = sentence === "";
    problem.textContent = sentence;
    control.input.setAttribute("aria-invalid", String(sentence !== ""));
    return sentence === "";
  }
  control.input.addEventListener("change", check);
  return { name, node, check, value: control.value, set: control.set, focus: () => control.input.focus() };
}

function makeControl(property, ids, onChange) {
  const described = { id: ids.id, "aria-describedby": `${ids.help} ${ids.problem}` };
  const shape = property.type === undefined ? (property.anyOf?.find((one) => one.type !== "null") ?? {}) : property;
  const full = { ...shape, default: property.default ?? shape.default };
  if (Array.isArray(full.enum)) return choice(full, described, onChange);
  if (full.type === "boolean") return tick(full, described, onChange);
  if (full.type === "integer" || full.type === "number") return number(full, described, onChange);
  return text(full, described, onChange);
}

function choice(property, described, onChange) {
  const offered = property.enum.filter((one) => one !== null);
  const none = property.default === undefined || property.default === null;
  const options = offered.map((one) => el("option", { value: String(one), text: property.titles?.[one] ?? String(one).replaceAll("_", " ") }));
  const input = el("select", { ...described, onchange: onChange }, none ? el("option", { value: "", text: "Automatic" }) : null, options);
  const standard = none ? "" : String(property.default);
  input.value = standard;
  return {
    kind: "choice",
    node: input,
    input,
    range: "",
    problem: () => "",
    value: () => (input.value === standard ? undefined : input.value),
    set: (value) => (input.value = value === undefined ? standard : String(value)),
  };
}

function tick(property, described, onChange) {
  const input = el("input", { ...described, type: "checkbox", class: "switch", onchange: onChange });
  const standard = property.default === true;
  input.checked = standard;
  return {
    kind: "tick",
    node: input,
    input,
    range: "",
    problem: () => "",
    value: () => (input.checked === standard ? undefined : input.checked),
    set: (value) => (input.checked = value === undefined ? standard : value),
  };
}

function text(property, described, onChange) {
  const standard = property.default ?? "";
  const input = el("input", { ...described, type: "text", value: standard, placeholder: "Automatic", spellcheck: "false", oninput: onChange });
  return {
    kind: "text",
    node: input,
    input,
    range: "",
    problem: () => "",
    value: () => (input.value.trim() === standard ? undefined : input.value.trim()),
    set: (value) => (input.value = value === undefined ? standard : value),
  };
}

function number(property, described, onChange) {
  const { minimum: low, maximum: high } = property;
  const whole = property.type === "integer";
  const step = property.multipleOf ?? (whole ? 1 : 0.1);
  const standard = property.default ?? null;
  const input = el("input", {
    ...described,
    type: "text",
    inputmode: whole ? "numeric" : "decimal",
    value: standard === null ? "" : plain(standard),
    placeholder: "Automatic",
    autocomplete: "off",
  });
  // Without a default there is no place for the knob of a slider.
  const slides = standard !== null && low !== undefined && high !== undefined && (high - low) / step <= SLIDER_STEPS;
  const slider = slides ? el("input", { type: "range", min: low, max: high, step, value: standard, tabindex: "-1", "aria-hidden": "true" }) : null;
  const parsed = () => (input.value.trim() === "" ? null : Number(input.value.trim().replace(",", ".")));
  const show = () => slider?.style.setProperty("--filled", `${((slider.value - low) / (high - low)) * 100}%`);
  input.addEventListener("input", () => {
    if (slider !== null && parsed() !== null) slider.value = parsed();
    show();
    onChange();
  });
  slider?.addEventListener("input", () => {
    input.value = plain(slider.valueAsNumber);
    show();
    input.dispatchEvent(new Event("change"));
    onChange();
  });
  show();
  const range = rangeText(low, high);
  return {
    kind: "number",
    node: slider === null ? input : el("div", { class: "slide" }, slider, input),
    input,
    range,
    problem() {
      const value = parsed();
      if (value === null) return "";
      if (!Number.isFinite(value) || (whole && !Number.isInteger(value))) return `“${input.value}” is not a ${whole ? "whole number" : "number"}.`;
      if (value < (low ?? -Infinity) || value > (high ?? Infinity)) return `${input.value} is out of range: ${range}.`;
      if (whole && !Number.isSafeInteger(value)) return "Up to 9007199254740991 from a browser; larger ones need another client.";
      return "";
    },
    value() {
      const value = parsed();
      return value === null || value === standard ? undefined : value;
    },
    set(value) {
      input.value = value === undefined ? (standard === null ? "" : plain(standard)) : plain(value);
      if (slider !== null) slider.value = parsed() ?? low;
      show();
    },
  };
}

function rangeText(low, high) {
  const huge = high !== undefined && high > Number.MAX_SAFE_INTEGER;
  if (low !== undefined && high !== undefined && !huge) return `${plain(low)} to ${plain(high)}`;
  if (low !== undefined) return `${plain(low)} or more`;
  return high === undefined ? "" : `up to ${plain(high)}`;
}
