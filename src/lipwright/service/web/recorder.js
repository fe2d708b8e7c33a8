// Recording from the camera or the microphone into a file.

import { el, button, announce } from "./dom.js";
import { clock } from "./format.js";

const LONGEST_S = 600;

/** The containers to try, best first: MP4 needs no conversion anywhere. */
const TYPES = {
  video: ["video/mp4;codecs=avc1.42E01E,mp4a.40.2", "video/mp4", "video/webm;codecs=vp8,opus", "video/webm"],
  audio: ["audio/mp4", "audio/webm;codecs=opus", "audio/webm", "audio/ogg"],
};

/** Whether this page may record at all; browsers allow it on https and on localhost only. */
export function canRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia) && typeof MediaRecorder === "function";
}

/** A panel that records. `onFile` gets the File, `onClose` is called when the user gives up, `onProblem` with a sentence. */
export function recorder(kind, { onFile, onClose, onProblem }) {
  const time = el("span", { class: "record-time", text: "0:00" });
  const startStop = button("Start recording", { class: "primary small", disabled: true });
  const preview = kind === "video" ? el("video", { class: "record-preview", playsinline: true, "aria-label": "Camera preview" }) : meter();
  const node = el(
    "div",
    { class: "recorder" },
    preview.node ?? preview,
    el("div", { class: "recorder-bar" }, startStop, button("Cancel", { class: "quiet small", onclick: close }), time),
  );
  let stream = null;
  let active = null;
  let ticker = 0;
  let closed = false;

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: kind === "video" ? { facingMode: "user" } : false });
    } catch (error) {
      onProblem(refusal(error, kind));
      return;
    }
    if (closed) return release();
    if (kind === "video") {
      preview.muted = true;
      preview.srcObject = stream;
      preview.play().catch(() => {}); // a preview that may not play yet shows its first frame
    } else preview.listen(stream);
    startStop.disabled = false;
    startStop.focus();
  }

  function start() {
    const type = TYPES[kind].find((one) => MediaRecorder.isTypeSupported(one));
    const parts = [];
    active = new MediaRecorder(stream, type === undefined ? {} : { mimeType: type });
    active.addEventListener("dataavailable", (event) => parts.push(event.data));
    active.addEventListener("stop", () => finish(parts, active.mimeType));
    active.start();
    const began = Date.now();
    ticker = window.setInterval(() => {
      const seconds = (Date.now() - began) / 1000;
      time.textContent = clock(seconds);
      if (seconds >= LONGEST_S) active.stop();
    }, 250);
    node.classList.add("is-recording");
    startStop.lastChild.textContent = "Stop";
    announce("Recording.");
  }

  function finish(parts, type) {
    release();
    if (closed) return;
    const base = type.split(";")[0];
    const ending = { "video/mp4": "mp4", "video/webm": "webm", "audio/mp4": "m4a", "audio/webm": "webm", "audio/ogg": "ogg" }[base];
    announce("Recording finished.");
    onFile(new File(parts, `recorded-${kind === "video" ? "video" : "voice"}.${ending ?? "webm"}`, { type: base }));
  }

  function release() {
    window.clearInterval(ticker);
    stream?.getTracks().forEach((track) => track.stop());
    preview.stop?.();
  }

  function close() {
    closed = true;
    if (active?.state === "recording") active.stop();
    release();
    onClose();
  }

  startStop.addEventListener("click", () => (active === null ? start() : active.stop()));
  open();
  return { node, close };
}

function refusal(error, kind) {
  const device = kind === "video" ? "camera" : "microphone";
  if (error.name === "NotAllowedError") return `This page may not use the ${device}. Allow it in the browser's address bar, then try again.`;
  if (error.name === "NotFoundError") return `No ${device} was found on this device.`;
  return `The ${device} could not be opened (${error.message}).`;
}

/** Bars that move with the loudness. */
function meter() {
  const bars = Array.from({ length: 24 }, () => el("i"));
  const node = el("div", { class: "meter", "aria-hidden": "true" }, bars);
  let context = null;
  let frame = 0;
  function listen(stream) {
    context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 64;
    context.createMediaStreamSource(stream).connect(analyser);
    const levels = new Uint8Array(analyser.frequencyBinCount);
    const draw = () => {
      analyser.getByteFrequencyData(levels);
      bars.forEach((bar, i) => bar.style.setProperty("--level", String(levels[i] / 255)));
      frame = requestAnimationFrame(draw);
    };
    draw();
  }
  function stop() {
    cancelAnimationFrame(frame);
    context?.close();
    context = null;
  }
  return { node, listen, stop };
}
