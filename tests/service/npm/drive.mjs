// Drives one release of the SDK through upload, run, result and failure; the last line is a report in JSON.
// Argument: {"sdk", "url", "key", "clip", "model", "hook", "noFace"}.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const asked = JSON.parse(process.argv[2]);
const bytes = await readFile(asked.clip);

async function message(action) {
  try {
    await action();
    return "";
  } catch (error) {
    return String(error.message ?? error);
  }
}

async function digest(url) {
  const answer = await fetch(url);
  return createHash("sha256").update(Buffer.from(await answer.arrayBuffer())).digest("hex");
}

async function current() {
  const { Client } = require(asked.sdk);
  const client = new Client(asked.key, { baseUrl: asked.url });
  const options = { pollInterval: 0.1 };
  const url = await client.upload(asked.clip);
  const inputs = { video: url, audio: url, steps: 3 };
  const failing = { ...inputs, seed: asked.noFace };
  const made = await client.run(asked.model, inputs, options);
  const synced = await client.run(asked.model, inputs, { enableSyncMode: true });
  const report = {
    outputs: made.outputs.length,
    sha256: await digest(made.outputs[0]),
    syncOutputs: synced.outputs.length,
    failure: await message(() => client.run(asked.model, failing, options)),
    refused: await message(() => client.run(asked.model, { ...inputs, steps: 0 }, options)),
  };
  if (client.runNoThrow !== undefined) {
    report.failedStatus = (await client.runNoThrow(asked.model, failing, options)).detail.status;
  }
  const stranger = new Client("wrong", { baseUrl: asked.url });
  report.wrongKey = await message(() => stranger.run(asked.model, inputs, options));
  return report;
}

async function oldest() {
  const { WaveSpeed } = require(asked.sdk);
  const client = new WaveSpeed(asked.key, { baseUrl: `${asked.url}/api/v3/`, pollInterval: 0.1 });
  const url = await client.upload(new Blob([bytes], { type: "video/mp4" }));
  const inputs = { video: url, audio: url, steps: 3 };
  const made = await client.run(asked.model, inputs, { webhook: asked.hook });
  const failed = await client.run(asked.model, { ...inputs, seed: asked.noFace });
  return { id: made.id, outputs: made.outputs.length, failure: failed.error };
}

console.log(JSON.stringify(await (asked.sdk === "wavespeed-0.0" ? oldest() : current())));
