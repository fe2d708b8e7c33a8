// The public HTTP API, and nothing else of the server.

import { currentKey } from "./key.js";

/** Where the page lies; the API lies beside it, below a path prefix too. */
const ROOT = new URL("./", document.baseURI);

export const MODEL = "bytedance/latentsync";
/** The model that learns a person; the output of its predictions is the id of a personal bundle, no file. */
export const ADAPT = "lipwright/adapt";

/** The base URL that other programs use; what snippets show. */
export const baseUrl = ROOT.href.replace(/\/$/, "");

/** A call that did not succeed. `message` is a sentence for people; `status` 0 means that no answer came. */
export class ApiError extends Error {
  constructor(message, status, retryAfterS = null) {
    super(message);
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Call the API and return `data` of the envelope. Raises ApiError. */
export async function call(method, path, body, { signal, key } = {}) {
  const headers = { Authorization: `Bearer ${key ?? currentKey()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(new URL(`api/v3/${path}`, ROOT), {
      method,
      headers,
      signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached. Check the connection and try again.", 0);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null && answer.code === 200) return answer.data;
  if (response.status === 401 && key === undefined) document.dispatchEvent(new CustomEvent("key-refused"));
  throw new ApiError(sentence(answer, response), response.status, seconds(response.headers.get("Retry-After")));
}

function sentence(answer, response) {
  if (answer !== null && typeof answer.message === "string" && answer.message !== "") return answer.message;
  if (response.status === 429) return "Too many requests in this minute. Wait a little and try again.";
  if (response.status >= 500) return "The server has a problem of its own. Try again in a moment.";
  return `The server answered ${response.status} and gave no reason.`;
}

function seconds(header) {
  const number = Number.parseInt(header ?? "", 10);
  return Number.isNaN(number) ? null : number;
}

export const balance = (options) => call("GET", "balance", undefined, options);
export const models = () => call("GET", "models");
export const submit = (inputs, options) => call("POST", MODEL, inputs, options);
export const adapt = (inputs) => call("POST", ADAPT, inputs);
export const forgetPerson = (id) => call("DELETE", `models/${id}`);
export const prediction = (id, options) => call("GET", `predictions/${id}`, undefined, options);
export const cancel = (id) => call("POST", `predictions/${id}/cancel`);
export const report = (id) => call("GET", `predictions/${id}/report`);
export const remove = (ids) => call("POST", "predictions/delete", { ids });
export const list = (page, pageSize) => call("POST", "predictions", { page, page_size: pageSize, include_inputs: true });
export const price = (inputs, model = MODEL) => call("POST", "model/price", { model_id: model, inputs });
export const bills = (ids) => call("POST", "billings/search", { page: 1, page_size: 100, prediction_uuids: ids });
export const usage = (from, to) => call("POST", "user/usage_stats", { start_time: from.toISOString(), end_time: to.toISOString() });

/** Upload a file and return the URL to use as an input. `onProgress` gets 0 to 1. Raises ApiError. */
export async function upload(file, onProgress, signal) {
  const ticket = await call(
    "POST",
    "media/uploads",
    { filename: file.name, size: file.size, ...(file.type === "" ? {} : { content_type: file.type }) },
    { signal },
  );
  await put(local(ticket.upload.url), ticket.upload.headers, file, onProgress, signal);
  return ticket.download_url;
}

// fetch() tells nothing about how far an upload is; XMLHttpRequest does.
function put(url, headers, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / Math.max(1, event.total)));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new ApiError(putSentence(request, file), request.status));
    });
    request.addEventListener("error", () => reject(new ApiError(`The upload of ${file.name} broke off. Try again.`, 0)));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });
}

function putSentence(request, file) {
  try {
    const { message } = JSON.parse(request.responseText);
    if (typeof message === "string" && message !== "") return message;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return `The server refused ${file.name} (${request.status}).`;
}

/** A file URL of ours, by the page's own way to the server, whatever public name it carries. */
export function local(url) {
  const { pathname, search } = new URL(url, ROOT);
  const at = pathname.indexOf("/files/");
  return at < 0 ? new URL(url, ROOT).href : new URL(pathname.slice(at + 1) + search, ROOT).href;
}

/** The personal bundles in the catalogue: [{id, name}]. */
export const peopleOf = (entries) => entries.filter((one) => one.type === "personal").map(({ model_id, name }) => ({ id: model_id.split("/").at(-1), name }));

/** The first output as something a video element plays, or null. Base64 outputs become a blob of this page. */
export function outputUrl({ outputs }) {
  const [output] = outputs ?? [];
  if (output === undefined) return null;
  if (/^https?:/.test(output)) return local(output);
  const data = Uint8Array.from(atob(output), (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([data], { type: "video/mp4" }));
}

/** The video that went in, if this server keeps it: the page loads nothing from elsewhere. */
export function inputUrl({ input, urls }) {
  const video = input?.video;
  if (typeof video !== "string" || !/^https?:/.test(video)) return null;
  const { origin, pathname } = new URL(video);
  const ours = origin === ROOT.origin || origin === new URL(urls.get, ROOT).origin;
  return ours && pathname.includes("/files/") ? local(video) : null;
}
