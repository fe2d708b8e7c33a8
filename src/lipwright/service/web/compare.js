// Before and after in one frame, split by a line that moves; both videos play in step.

import { el, icon, iconButton, freshId } from "./dom.js";
import { clock } from "./format.js";

const ARROW_PERCENT = 2;
const PAGE_PERCENT = 10;
/** Drift that is corrected by playing a little faster or slower, and drift that needs a jump. */
const DRIFT_S = 0.02;
const JUMP_S = 0.2;

/** Where the source stands when the result stands at `time`: past its end a source runs back, again, or stays. */
export function sourceTime(time, duration, longer) {
  if (!(duration > 0) || time <= duration) return { time, forward: true };
  const turn = Math.floor(time / duration);
  const rest = time - turn * duration;
  if (longer === "loop") return { time: rest, forward: true };
  if (longer === "cut_off") return { time: duration, forward: false };
  return turn % 2 === 0 ? { time: rest, forward: true } : { time: duration - rest, forward: false };
}

/** The figure. `before` may be null (the source is elsewhere or gone); `longer` is the option of the run. */
export function compare({ before, after, longer = "bounce" }) {
  const source = before === null ? null : el("video", { class: "compare-before", src: before, preload: "auto", playsinline: true, tabindex: "-1", "aria-hidden": "true" });
  const result = el("video", { class: "compare-after", src: after, preload: "auto", playsinline: true, tabindex: "-1", "aria-label": "The result" });
  if (source !== null) source.muted = true; // the sound is the new voice
  const handle = el("div", { class: "compare-handle", role: "slider", tabindex: "0", "aria-label": "Line between before and after", "aria-valuemin": "0", "aria-valuemax": "100" }, el("span", {}, icon("split")));
  const tags = [el("span", { class: "compare-tag tag-before", "aria-hidden": "true", text: "Before" }), el("span", { class: "compare-tag tag-after", "aria-hidden": "true", text: "After" })];
  const frame = el("div", { class: "compare-frame" }, source, result, source === null ? null : [...tags, handle]);
  const note = el("p", { class: "muted small", hidden: source !== null, text: "Only the result is shown: the source is not kept on this server." });
  const player = controls(result, () => follow(true));
  const node = el("figure", { class: "compare", "aria-label": "Before and after" }, el("div", { class: "compare-dark" }, frame), player.node, note);

  let at = 50;
  function split(percent) {
    at = Math.min(100, Math.max(0, percent));
    frame.style.setProperty("--at", `${at}%`);
    handle.setAttribute("aria-valuenow", String(Math.round(at)));
    handle.setAttribute("aria-valuetext", `${Math.round(at)} percent before, ${100 - Math.round(at)} percent after`);
  }
  split(at);

  handle.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -ARROW_PERCENT, ArrowDown: -ARROW_PERCENT, ArrowRight: ARROW_PERCENT, ArrowUp: ARROW_PERCENT, PageDown: -PAGE_PERCENT, PageUp: PAGE_PERCENT, Home: -100, End: 100 };
    if (event.key in moves) split(at + moves[event.key]);
    else if (event.key === " " || event.key === "Enter") player.toggle();
    else return;
    event.preventDefault();
  });

  function drag(event) {
    const box = frame.getBoundingClientRect();
    split(((event.clientX - box.left) / box.width) * 100);
  }
  if (source !== null) {
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      frame.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      drag(event);
    });
    frame.addEventListener("pointermove", (event) => frame.hasPointerCapture(event.pointerId) && drag(event));
    source.addEventListener("error", () => {
      source.remove();
      handle.remove();
      tags.forEach((tag) => tag.remove());
      note.hidden = false;
      split(0);
    });
    source.addEventListener("loadedmetadata", () => follow(true));
  }
  result.addEventListener("loadedmetadata", () => {
    frame.style.setProperty("--shape", `${result.videoWidth} / ${result.videoHeight}`);
  });
  result.addEventListener("error", () => {
    note.textContent = "The result cannot be shown. It may have been swept; outputs are kept for a limited time.";
    note.hidden = false;
  });

  /** Put the source where the result is: exactly when `exact`, else by a gentle pull. */
  function follow(exact) {
    if (source === null || source.readyState === 0) return;
    const { time, forward } = sourceTime(result.currentTime, source.duration, longer);
    const drift = source.currentTime - time;
    if (result.paused || !forward) source.pause();
    else if (source.paused) source.play().catch(() => {}); // refused or interrupted: the next tick tries again
    if (exact || !forward || Math.abs(drift) > JUMP_S) {
      if (!source.seeking && Math.abs(drift) > DRIFT_S / 2) source.currentTime = time;
      source.playbackRate = result.playbackRate;
    } else source.playbackRate = Math.abs(drift) > DRIFT_S ? Math.min(1.15, Math.max(0.85, 1 - drift)) : 1;
  }

  let ticking = 0;
  function tick() {
    follow(false);
    player.draw();
    ticking = result.paused ? 0 : requestAnimationFrame(tick);
  }
  result.addEventListener("play", () => ticking === 0 && tick());
  for (const event of ["pause", "seeked", "ended"]) result.addEventListener(event, () => follow(true));

  return {
    node,
    /** Stop playing; the figure may be thrown away. */
    close() {
      cancelAnimationFrame(ticking);
      result.pause();
      source?.pause();
    },
  };
}

/** Play, position, sound. */
function controls(video, onSeek) {
  const id = freshId("position");
  const play = iconButton("play", "Play", { onclick: toggle });
  const sound = iconButton("sound", "Mute", { onclick: () => (video.muted = !video.muted) });
  const position = el("input", { id, type: "range", min: 0, max: 1, step: "any", value: 0, "aria-label": "Position" });
  const time = el("span", { class: "player-time", text: "0:00 / 0:00" });

  function toggle() {
    if (video.paused) video.play().catch(() => {}); // the error event of the video tells the user
    else video.pause();
  }
  function label(node, name, words) {
    node.querySelector("use").setAttribute("href", `#i-${name}`);
    node.querySelector(".unseen").textContent = words;
    node.title = words;
  }
  function draw() {
    const length = Number.isFinite(video.duration) ? video.duration : 0;
    position.max = String(length);
    position.value = String(video.currentTime);
    position.style.setProperty("--filled", `${length > 0 ? (video.currentTime / length) * 100 : 0}%`);
    position.setAttribute("aria-valuetext", `${clock(video.currentTime)} of ${clock(length)}`);
    time.textContent = `${clock(video.currentTime)} / ${clock(length)}`;
  }
  position.addEventListener("input", () => {
    video.currentTime = position.valueAsNumber;
    draw();
    onSeek();
  });
  for (const event of ["play", "pause", "ended"]) video.addEventListener(event, () => (video.paused ? label(play, "play", "Play") : label(play, "pause", "Pause")));
  video.addEventListener("volumechange", () => (video.muted ? label(sound, "muted", "Unmute") : label(sound, "sound", "Mute")));
  for (const event of ["loadedmetadata", "timeupdate", "seeked", "durationchange"]) video.addEventListener(event, draw);
  return { node: el("div", { class: "player" }, play, position, time, sound), toggle, draw };
}
