// The bench: two inputs, options, the run, and its end.

import * as api from "./api.js";
import { button, byId, icon, showProblem, announce } from "./dom.js";
import { money, span } from "./format.js";
import { inputCard } from "./inputs.js";
import { optionsForm } from "./options.js";
import { resultView } from "./result.js";
import { follow, forgetRunning, isOver, run, runningId } from "./run.js";
import { snippets } from "./snippets.js";
import { emptyStage, failedStage, runningStage } from "./stage.js";
import { teachCard } from "./teach.js";

const PRICE_WAIT_MS = 400;

/** Wire the bench up. `onSettled` is called when a run ended, so that the balance can be read again. */
export function bench(onSettled) {
  const cards = { video: inputCard("video", changed), audio: inputCard("audio", changed) };
  const stage = byId("stage");
  const runButton = byId("run");
  const problem = byId("run-problem");
  let options = null;
  let active = null; // {abort, id}
  let shown = null; // a result that plays
  let priceTimer = 0;
  let retry = start; // what "Try again" does: the last thing that was begun
  const teaching = teachCard({ video: cards.video, onTeach: teach, onForget: () => catalogue(options.values()) });

  byId("slot-teach").append(teaching.node);
  byId("slot-video").append(cards.video.node);
  byId("slot-audio").append(cards.audio.node);
  show(emptyStage(sample));

  function show(...nodes) {
    shown?.close();
    shown = null;
    stage.replaceChildren(...nodes);
  }

  /** Put the bundled presenter and voice into the cards. */
  async function sample() {
    for (const [name, file, type] of [["video", "presenter.mp4", "video/mp4"], ["audio", "voice.wav", "audio/wav"]]) {
      const answer = await fetch(`samples/${file}`).catch(() => null); // no answer is told like a missing file
      if (!answer?.ok) return showProblem(problem, "This server has no samples. Choose files of your own.");
      cards[name].take(new File([await answer.blob()], file, { type }));
    }
    runButton.focus();
  }

  /** Fetch the schema and make the options from it. Raises ApiError. */
  async function open() {
    if (options !== null) return;
    await catalogue({});
    resume();
  }

  /** Fetch the catalogue and make the options from it, with these values filled in. Raises ApiError. */
  async function catalogue(values) {
    const models = await api.models();
    const model = models.find((one) => one.model_id === api.MODEL);
    const schema = model.api_schema.api_schemas.find((one) => one.type === "model_run").request_schema;
    const { model: choice } = schema.properties;
    choice.titles = Object.fromEntries(api.peopleOf(models).map(({ id, name }) => [id, name]));
    const gone = values.model !== undefined && !choice.enum.includes(values.model);
    options = optionsForm(schema, changed);
    byId("slot-options").replaceChildren(options.node);
    options.fill(gone ? { ...values, model: undefined } : values);
    teaching.fill(models);
  }

  function changed() {
    showProblem(problem, "");
    teaching.changed();
    window.clearTimeout(priceTimer);
    priceTimer = window.setTimeout(() => estimate().catch(reportQuietly), PRICE_WAIT_MS);
  }

  // The price is a help, not a step: without it the run works all the same.
  function reportQuietly(error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("price").textContent = "";
  }

  /** The output lasts as long as the voice, or, when it is cut, as the shorter of both. */
  async function estimate() {
    const seconds = cards.audio.duration();
    const { price } = await api.price(seconds === null ? {} : { duration: seconds });
    const length = seconds === null ? "" : ` for ${span(seconds)}`;
    byId("price").textContent = seconds === null ? `From ${money(price)}` : `About ${money(price)}${length}`;
  }

  async function teach(clip, fields) {
    retry = () => teach(clip, fields);
    await watch((onState, signal) => run({ video: clip }, fields, onState, signal, api.adapt), undefined, "Learn");
  }

  async function start() {
    retry = start;
    const media = { video: cards.video.value(), audio: cards.audio.value() };
    for (const [name, words] of [["video", "Add a video of someone talking first."], ["audio", "Add the voice they should speak with."]]) {
      if (media[name] === null) return cards[name].complain(words);
    }
    if (!options.check()) return;
    const chosen = options.values();
    await watch((onState, signal) => run(media, chosen, onState, signal), media.video.file);
  }

  /** Show a run from its start to its end. `task` gets (onState, signal) and returns the final prediction. */
  async function watch(task, file, work) {
    const abort = new AbortController();
    active = { abort, id: null };
    const panel = runningStage({ onCancel: cancel, work });
    show(panel.node);
    busy(true);
    if (window.matchMedia("(max-width: 60rem)").matches) stage.scrollIntoView({ block: "start" });
    try {
      const prediction = await task((state) => {
        active.id = state.prediction?.id ?? active.id;
        panel.update(state);
      }, abort.signal);
      ended(prediction, file);
    } catch (error) {
      if (error.name === "AbortError") show(failedStage({ status: "cancelled" }, [again()]), );
      else if (error instanceof api.ApiError) failed({ status: "failed", error: error.message });
      else throw error;
    } finally {
      active = null;
      busy(false);
      document.title = "lipwright";
      onSettled();
    }
  }

  function busy(yes) {
    runButton.disabled = yes;
    teaching.busy(yes);
    stage.setAttribute("aria-busy", String(yes));
    runButton.firstChild.textContent = yes ? "Running…" : "Lip-sync";
  }

  async function cancel() {
    if (active.id === null) return active.abort.abort();
    try {
      await api.cancel(active.id);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      announce(error.message);
    }
  }

  function ended(prediction, file) {
    if (prediction.status !== "completed") return failed(prediction);
    if (prediction.model === api.ADAPT) return learned(prediction);
    const before = file === undefined ? api.inputUrl(prediction) : URL.createObjectURL(file);
    const result = resultView(prediction, { before });
    show(result.node, snippets(prediction.input, "Exactly what was just run. Your key is read from the environment."));
    shown = result;
    announce("Done. The result can be compared and downloaded.");
    document.title = "Done · lipwright";
  }

  /** What was learned becomes the model of the next run. */
  function learned(prediction) {
    const result = resultView(prediction);
    show(result.node);
    shown = result;
    announce("The face was learned. It is the model of the next run.");
    document.title = "Learned · lipwright";
    catalogue({ ...options.values(), model: prediction.id }).catch(reportQuietly);
  }

  function failed(prediction) {
    forgetRunning();
    show(failedStage(prediction, [again()]));
    announce(prediction.status === "cancelled" ? "Cancelled." : `That did not work. ${prediction.error}`);
  }

  const again = () => button("Try again", { class: "primary", onclick: () => retry() }, icon("arrow"));

  /** Go on watching what was running when the page was left. */
  async function resume() {
    const id = runningId();
    if (id === null || active !== null) return;
    let prediction;
    try {
      prediction = await api.prediction(id);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      forgetRunning();
      return;
    }
    if (isOver(prediction)) ended(prediction);
    else await watch((onState, signal) => follow(prediction, onState, signal), undefined, prediction.model === api.ADAPT ? "Learn" : undefined);
  }

  byId("create-form").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  return { open, quiet: () => changed() };
}
