// The two cards that take a video and a voice: dropped, picked, recorded, or given as a link.

import { el, icon, button, iconButton, freshId, showProblem, announce } from "./dom.js";
import { bytes, clock } from "./format.js";
import { canRecord, recorder } from "./recorder.js";

const KINDS = {
  video: {
    title: "Video",
    hint: "MP4, MOV or WebM with a face in it",
    accept: "video/*,.mkv,.mov,.mp4,.webm",
    endings: /\.(mp4|mov|m4v|mkv|webm|avi|mpe?g|ogv|3gp|wmv|flv)$/i,
    link: "https://example.com/talking.mp4",
  },
  audio: {
    title: "Voice",
    hint: "MP3, WAV, M4A, AAC, FLAC or Ogg",
    accept: "audio/*,video/mp4,.m4a,.flac,.opus",
    endings: /\.(mp3|wav|m4a|aac|flac|ogg|oga|opus|weba|webm|mp4)$/i,
    link: "https://example.com/voice.mp3",
  },
};

/** A card. `value()` is null, `{file}` or `{url}`; `onChange` is called after every change. */
export function inputCard(kind, onChange) {
  const words = KINDS[kind];
  const titleId = freshId("input");
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const body = el("div", { class: "drop-body" });
  const picker = el("input", { type: "file", accept: words.accept, hidden: true, id: `pick-${kind}`, tabindex: "-1", "aria-hidden": "true" });
  const node = el(
    "section",
    { class: "card drop", id: `card-${kind}`, "aria-labelledby": titleId },
    el("h2", { id: titleId }, icon(kind === "video" ? "video" : "voice"), words.title),
    body,
    picker,
    problem,
  );
  let value = null;
  let duration = null;
  let previewUrl = null;
  let panel = null;

  function leave() {
    panel?.close?.();
    panel = null;
    if (previewUrl !== null) URL.revokeObjectURL(previewUrl);
    previewUrl = null;
  }

  function change(next, { focus = false } = {}) {
    leave();
    value = next;
    duration = null;
    showProblem(problem, "");
    draw();
    if (focus) body.querySelector("button")?.focus();
    onChange();
  }

  function draw() {
    node.classList.toggle("is-filled", value !== null);
    if (value === null) body.replaceChildren(...choices());
    else body.replaceChildren(value.file === undefined ? linked(value.url) : chosen(value.file));
  }

  function choices() {
    const record = canRecord()
      ? button("Record", { class: "quiet small", onclick: startRecording }, icon("record"))
      : button("Record", { class: "quiet small", onclick: () => showProblem(problem, "Browsers record only on pages opened by https or on this very machine.") }, icon("record"));
    return [
      el("p", { class: "drop-hint" }, el("strong", { text: `Drop a ${kind === "video" ? "video" : "voice"} here` }), el("span", { class: "muted", text: words.hint })),
      el(
        "div",
        { class: "drop-ways" },
        button("Choose a file", { class: "quiet small", onclick: () => picker.click() }, icon("file")),
        record,
        button("Link", { class: "quiet small", onclick: askLink }, icon("link")),
      ),
    ];
  }

  function chosen(file) {
    previewUrl = URL.createObjectURL(file);
    const facts = el("span", { class: "muted", text: bytes(file.size) });
    const media = el(kind, { src: previewUrl, preload: "metadata", controls: kind === "audio", playsinline: true, "aria-label": `Preview of ${file.name}` });
    media.muted = kind === "video";
    media.addEventListener("loadedmetadata", () => {
      if (!Number.isFinite(media.duration)) return;
      duration = media.duration;
      facts.textContent = `${clock(duration)} · ${bytes(file.size)}`;
      onChange();
    });
    media.addEventListener("error", () => (facts.textContent = `${bytes(file.size)} · this browser cannot show it, the server may still read it`));
    return el(
      "div",
      { class: `chosen chosen-${kind}` },
      kind === "video" ? el("div", { class: "chosen-picture" }, media) : null,
      el("div", { class: "chosen-words" }, el("strong", { class: "file-name", text: file.name }), facts, kind === "audio" ? media : null),
      iconButton("close", `Remove ${file.name}`, { onclick: () => change(null, { focus: true }) }),
    );
  }

  function linked(url) {
    return el(
      "div",
      { class: "chosen" },
      icon("link"),
      el("div", { class: "chosen-words" }, el("strong", { class: "file-name", text: url }), el("span", { class: "muted", text: "The server fetches this when you run." })),
      iconButton("close", "Remove the link", { onclick: () => change(null, { focus: true }) }),
    );
  }

  function startRecording() {
    showProblem(problem, "");
    panel = recorder(kind, {
      onFile: (file) => change({ file }, { focus: true }),
      onClose: () => {
        panel = null;
        draw();
        body.querySelector("button")?.focus();
      },
      onProblem: (sentence) => {
        panel = null;
        draw();
        showProblem(problem, sentence);
      },
    });
    body.replaceChildren(panel.node);
  }

  function askLink() {
    const id = freshId("link");
    const field = el("input", { id, type: "url", placeholder: words.link, spellcheck: "false" });
    const use = () => {
      const url = field.value.trim();
      if (!/^https?:\/\/\S+$/.test(url)) return showProblem(problem, "A link starts with https:// or http:// and has no spaces.");
      change({ url }, { focus: true });
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        use();
      } else if (event.key === "Escape") change(null, { focus: true });
    });
    body.replaceChildren(
      el(
        "div",
        { class: "link-form" },
        el("label", { for: id, text: `Link to the ${words.title.toLowerCase()}` }),
        el("div", { class: "row" }, field, button("Use it", { class: "quiet small", onclick: use }), button("Cancel", { class: "quiet small", onclick: () => change(null, { focus: true }) })),
      ),
    );
    field.focus();
  }

  function take(file) {
    const fits = file.type.startsWith(`${kind}/`) || words.endings.test(file.name);
    if (!fits) return showProblem(problem, `${file.name} is no ${kind === "video" ? "video" : "sound"} file. ${words.hint}, please.`);
    if (file.size === 0) return showProblem(problem, `${file.name} is empty.`);
    change({ file }, { focus: true });
    announce(`${words.title}: ${file.name}.`);
  }

  picker.addEventListener("change", () => {
    if (picker.files.length > 0) take(picker.files[0]);
    picker.value = "";
  });
  let depth = 0; // dragenter and dragleave come for every element inside, too
  node.addEventListener("dragenter", () => node.classList.toggle("is-over", ++depth > 0));
  node.addEventListener("dragleave", () => node.classList.toggle("is-over", --depth > 0));
  node.addEventListener("dragover", (event) => event.preventDefault());
  node.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    node.classList.remove("is-over");
    if (event.dataTransfer.files.length > 0) take(event.dataTransfer.files[0]);
    else showProblem(problem, "What was dropped is not a file. Save it first, then drop the file.");
  });

  draw();
  return {
    node,
    take,
    value: () => value,
    /** Seconds, or null while that is not known. */
    duration: () => duration,
    complain(sentence) {
      showProblem(problem, sentence);
      body.querySelector("button, input")?.focus();
    },
  };
}
