// The step "Teach this face": a clip in, a personal bundle out, which is then the model of the next run.

import * as api from "./api.js";
import { announce, button, confirmation, el, freshId, icon, showProblem } from "./dom.js";
import { money, span } from "./format.js";

const CONSENT = "The person in this video agreed to it, and viewers will be told that the video was edited.";

/**
 * The step. `video` is the card of the video; `onTeach(clip, fields)` runs it; `onForget()` is called after a bundle
 * was deleted.
 */
export function teachCard({ video, onTeach, onForget }) {
  const ids = { name: freshId("teach"), help: freshId("teach") };
  const name = el("input", { id: ids.name, type: "text", maxlength: 64, placeholder: "Automatic", autocomplete: "off", spellcheck: "false" });
  const agreed = el("input", { type: "checkbox" });
  const price = el("p", { class: "muted small" });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const known = el("ul", { class: "teach-known", "aria-label": "Faces of this key", hidden: true });
  const start = button("Teach this face", { class: "quiet", onclick: teach }, icon("video"));
  const node = el(
    "details",
    { class: "card options", id: "teach" },
    el("summary", {}, el("span", { class: "summary-title", text: "Teach this face" })),
    el(
      "div",
      { class: "option-grid" },
      el("p", { class: "muted", id: ids.help, text: "For a real person: learn their mouth from the video above, once, in minutes. Ten to twenty seconds of them talking are good. Only this key can use what is learned." }),
      el("div", { class: "option" }, el("label", { for: ids.name, text: "Name" }), name),
      el("label", { class: "check" }, agreed, el("span", { text: CONSENT })),
      el("div", {}, start),
      price,
      problem,
      known,
    ),
  );

  node.addEventListener("toggle", () => node.open && quote());

  async function teach() {
    showProblem(problem, "");
    const clip = video.value();
    if (clip === null) return showProblem(problem, "Add a video of the person talking first.");
    if (!agreed.checked) {
      showProblem(problem, "Say first that the person agreed.");
      return agreed.focus();
    }
    const wanted = name.value.trim();
    await onTeach(clip, wanted === "" ? {} : { name: wanted });
  }

  // A help, not a step: without it teaching works all the same.
  async function quote() {
    const seconds = video.duration();
    try {
      const { price: dollars } = await api.price(seconds === null ? {} : { duration: seconds }, api.ADAPT);
      price.textContent = seconds === null ? `From ${money(dollars)}` : `About ${money(dollars)} for ${span(seconds)}`;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      price.textContent = "";
    }
  }

  async function forget(bundle) {
    const sure = await confirmation({ title: `Delete ${bundle.name}?`, text: "The learned face is removed for good. Videos made with it stay.", yes: "Delete" });
    if (!sure) return;
    try {
      await api.forgetPerson(bundle.id);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      return showProblem(problem, error.message);
    }
    announce(`${bundle.name} was deleted.`);
    await onForget();
  }

  return {
    node,
    /** Show the bundles of the key; `models` is the catalogue. */
    fill(models) {
      const people = api.peopleOf(models);
      node.hidden = !models.some((one) => one.model_id === api.ADAPT);
      known.hidden = people.length === 0;
      known.replaceChildren(
        ...people.map((one) => el("li", {}, el("span", { text: one.name }), button(`Delete ${one.name}`, { class: "link", onclick: () => forget(one) }))),
      );
    },
    /** The video may be another one. */
    changed() {
      showProblem(problem, "");
      if (node.open) quote();
    },
    busy: (yes) => (start.disabled = yes),
  };
}
