// One run from files to the end of its prediction: upload, submit, wait.

import * as api from "./api.js";

const TERMINAL = new Set(["completed", "failed", "cancelled", "timeout", "deleted"]);
const FIRST_WAIT_MS = 700;
const LONGEST_WAIT_MS = 3000;
const RUNNING = "lipwright-running";

export const isOver = (prediction) => TERMINAL.has(prediction.status);

/**
 * Upload what is a file, submit, and follow the prediction to its end, which is returned.
 *
 * `media` is {video, audio}, each {file} or {url}; `onState` gets {phase: "upload" | "queue" | "work" | "offline",
 * fraction, stage, prediction}. `signal` stops uploads and waiting, `send` submits. Raises ApiError and AbortError.
 */
export async function run(media, options, onState, signal, send = api.submit) {
  const inputs = await uploadAll(media, onState, signal);
  onState({ phase: "queue", fraction: 0, stage: "", prediction: null });
  // Not broken off by the signal: the server may have accepted it by then, and must be told to stop.
  const accepted = await send({ ...inputs, ...options });
  const prediction = { ...accepted, input: { ...inputs, ...options } };
  if (signal.aborted) return follow(await api.cancel(prediction.id), onState);
  sessionStorage.setItem(RUNNING, prediction.id);
  return follow(prediction, onState, signal);
}

/** The id of a prediction that was still running when this tab was last loaded, or null. */
export const runningId = () => sessionStorage.getItem(RUNNING);

export const forgetRunning = () => sessionStorage.removeItem(RUNNING);

async function uploadAll(media, onState, signal) {
  const total = Object.values(media).reduce((sum, one) => sum + (one.file?.size ?? 0), 0);
  const sent = {};
  const tell = () => {
    const done = Object.values(sent).reduce((sum, one) => sum + one, 0);
    onState({ phase: "upload", fraction: total === 0 ? 1 : done / total, stage: "", prediction: null });
  };
  const one = async ([name, { file, url }]) => {
    if (file === undefined) return [name, url];
    const onProgress = (fraction) => {
      sent[name] = fraction * file.size;
      tell();
    };
    return [name, await api.upload(file, onProgress, signal)];
  };
  tell();
  return Object.fromEntries(await Promise.all(Object.entries(media).map(one)));
}

/** Ask for the prediction until it is over. A server that does not answer is asked again, ever more slowly. */
export async function follow(prediction, onState, signal) {
  let current = prediction;
  let wait = FIRST_WAIT_MS;
  while (!isOver(current)) {
    onState(stateOf(current));
    await pause(wait, signal);
    try {
      const next = await api.prediction(current.id, { signal });
      current = { ...next, input: next.input ?? current.input };
      wait = Math.min(LONGEST_WAIT_MS, wait * 1.1);
    } catch (error) {
      if (!(error instanceof api.ApiError) || (error.status !== 0 && error.status < 500 && error.status !== 429)) throw error;
      onState({ ...stateOf(current), phase: "offline" });
      wait = error.retryAfterS === null ? Math.min(10000, wait * 2) : error.retryAfterS * 1000;
    }
  }
  forgetRunning();
  return current;
}

/** How far a prediction is. */
function stateOf(prediction) {
  const fraction = typeof prediction.progress === "number" ? prediction.progress : 0;
  return { phase: prediction.status === "created" ? "queue" : "work", fraction, stage: prediction.stage ?? "", prediction };
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new DOMException("cancelled", "AbortError"));
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
