// The page of `track --pick`: the film, what is picked on it, and the job. The server keeps all of it; this shows it.

import "./pick-texts.js";
import "./theme.js";
import { adoptTokenFromAddress, download, readEvents, send } from "./api.js";
import { Film } from "./pick-film.js";
import { JobPanel, clock } from "./pick-job.js";
import { bindPickKeys } from "./pick-keys.js";
import { PickList } from "./pick-list.js";
import { PickStage } from "./pick-stage.js";
import { fillTexts, sentence, text } from "./strings.js";
import { sleep } from "./time.js";

const NOTICE_MS = 6000;
const PATIENCE_MS = 250; // before it is told that the model looks
const RETRY_MS = 700;
const LOST_AFTER = 3; // tries
const SCENE_MS = 400; // between two pictures of a job

const byId = (id) => document.getElementById(id);
let state = null;
let film = null;
let shown = -1; // the frame on the screen
let noticeTimer = 0;

adoptTokenFromAddress();
fillTexts(document);
const palette = await send("GET", "/web/palette.json");
const stage = new PickStage(byId("stage"), byId("picture"), byId("marks"), { point: addPoint, box: addBox });
const list = new PickList(byId("objects"), byId("row"), palette, {
  rename: (id, label) => change("PATCH", `/pick/objects/${id}`, { label }),
  remove: (id) => change("DELETE", `/pick/objects/${id}`),
  clear: (object_id, frame_idx) => change("POST", "/pick/clear", { object_id, frame_idx }),
  goTo: (frame) => film.want(frame),
  selected: () => showPrompts(),
});
const job = new JobPanel({
  choose: (options) => change("PUT", "/pick/options", options),
  start: startJob,
  stop: () => change("DELETE", "/pick/job"),
  frame: () => film.wanted,
});

// -- what is shown -----------------------------------------------------------------------------------------------

function notice(message) {
  byId("notice").textContent = message;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (byId("notice").textContent = ""), NOTICE_MS);
}

const running = () => state?.job?.state === "running";

function take(next) {
  const before = state;
  state = next;
  const { film: facts } = state;
  if (before === null) {
    byId("film").textContent = byId("film").title = facts.name;
    byId("size").textContent = `${facts.width_px} × ${facts.height_px}`;
    byId("frames").textContent = facts.num_frames;
    byId("slider").max = byId("frame").max = facts.num_frames - 1;
    document.title = `${facts.name.split("/").pop()} · streamtrack`;
    stage.frameSize = [facts.width_px, facts.height_px];
  }
  byId("count").textContent = state.objects.length || "";
  byId("empty").hidden = state.objects.length > 0;
  byId("hint").textContent = state.objects.length ? "" : text("pick_firstSteps");
  byId("undo").disabled = !state.can_undo || running();
  byId("command").textContent = state.command;
  list.show(state.objects, state.prompts, shown);
  job.show(state);
  showTicks();
  if (before === null || before.revision !== state.revision) showMasks();
}

function showTicks() {
  const last = Math.max(1, state.film.num_frames - 1);
  const share = (frame) => `${(100 * frame) / last}%`;
  const ticks = state.prompts.map((prompt) => {
    const mark = document.createElement("i");
    mark.style.left = share(prompt.frame_idx);
    mark.style.setProperty("--tint", list.colour(prompt.object_id));
    return mark;
  });
  const { start, end } = state.options;
  const span = document.createElement("i");
  span.className = "span";
  span.style.left = share(start ?? 0);
  span.style.right = `${100 - (100 * (end ?? last)) / last}%`;
  byId("ticks").replaceChildren(span, ...ticks);
}

function showPrompts() {
  if (state === null) return;
  const here = running() ? [] : state.prompts.filter((prompt) => prompt.frame_idx === shown);
  stage.mark(
    here.map((prompt) => {
      const { object_id: id } = prompt;
      return { ...prompt, colour: list.colour(id), selected: list.selected === null || list.selected === id };
    }),
  );
}

function showFrame(index, bitmap) {
  stage.show(bitmap);
  if (shown !== index) hideMasks();
  shown = index;
  byId("stage").dataset.frame = index;
  showPlace(index);
  list.look(index);
  showMasks();
}

function showPlace(index) {
  const { num_frames: count, fps } = state.film;
  const said = text("pick_frameOf", { frame: index, last: count - 1 });
  byId("slider").value = index;
  byId("slider").setAttribute("aria-valuetext", said);
  if (byId("frame") !== document.activeElement) byId("frame").value = index;
  byId("time").textContent = fps ? `${clock(index / fps)}.${String(Math.floor((index / fps) * 100) % 100).padStart(2, "0")}` : "";
}

function hideMasks() {
  byId("masks").hidden = true;
  byId("stage").dataset.masks = "";
}

/** Shows what the frame's prompts find; what was asked for another frame or another moment is not shown. */
async function showMasks() {
  showPrompts();
  const [frame, { revision }] = [shown, state];
  if (running()) return hideMasks();
  if (!state.prompts.some((prompt) => prompt.frame_idx === frame)) {
    hideMasks();
    byId("stage").dataset.masks = `${frame}:${revision}`;
    return;
  }
  const patience = setTimeout(() => (byId("hint").textContent = text("pick_finding")), PATIENCE_MS);
  byId("stage").dataset.busy = "";
  try {
    const found = await send("GET", `/pick/masks/${frame}`);
    if (frame !== shown || revision !== state.revision) return;
    const image = byId("masks");
    image.hidden = found.picture === null;
    if (found.picture !== null) {
      image.src = found.picture;
      await image.decode();
    }
    const nothing = Object.keys(found.areas).filter((id) => found.areas[id] === 0);
    list.nothing(frame, nothing.map(Number));
    if (nothing.length) notice(text("pick_nothingThere", { id: nothing.join(", ") }));
    byId("stage").dataset.masks = `${frame}:${revision}`;
  } catch (error) {
    if (error.kind !== "busy") notice(sentence(error));
  } finally {
    clearTimeout(patience);
    if (frame === shown && revision === state.revision) {
      delete byId("stage").dataset.busy;
      byId("hint").textContent = state.objects.length ? "" : text("pick_firstSteps");
    }
  }
}

// -- what is done ------------------------------------------------------------------------------------------------

/** Asks the server for a change and shows what has become of it; null where it refused. */
async function change(method, path, body) {
  try {
    const next = await send(method, path, body);
    take(next);
    return next;
  } catch (error) {
    notice(sentence(error));
    if (state !== null && error.status) take(await send("GET", "/pick"));
    return null;
  }
}

async function add(prompt) {
  if (running() || shown < 0) return;
  const next = await change("POST", "/pick/prompts", { frame_idx: shown, object_id: list.selected, ...prompt });
  if (next !== null && list.selected !== next.object_id) list.select(next.object_id);
}

function addPoint(point, on) {
  return add({ point, on });
}

function addBox(box) {
  return add({ box });
}

async function undo() {
  const next = await change("POST", "/pick/undo");
  if (next !== null && !next.undone) notice(text("pick_nothingToUndo"));
}

async function startJob() {
  if ((await change("POST", "/pick/job")) === null) return;
  stage.mark([]);
  hideMasks();
}

async function save() {
  try {
    const link = document.createElement("a");
    const address = URL.createObjectURL(await download("/pick/prompts.yaml"));
    Object.assign(link, { href: address, download: "prompts.yaml" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (error) {
    notice(sentence(error));
  }
}

async function copy() {
  await navigator.clipboard.writeText(state.command);
  byId("copy").textContent = text("pick_copied");
  setTimeout(() => (byId("copy").textContent = text("pick_copy")), 2000);
}

function setMode(negative) {
  stage.negative = negative;
  byId(negative ? "mode-negative" : "mode-positive").checked = true;
}

/** The newest frame of a running job, with its masks, while it runs. */
async function showScene() {
  for (;;) {
    if (running() && state.job.num_frames) {
      try {
        const bitmap = await createImageBitmap(await download("/pick/job/picture"));
        if (running()) {
          stage.show(bitmap);
          showPlace(state.job.frame_idx);
        }
        bitmap.close();
      } catch {
        // The next one comes soon.
      }
    }
    await sleep(SCENE_MS);
  }
}

// -- the server --------------------------------------------------------------------------------------------------

async function onTold(told) {
  const was = running();
  if (told.revision !== state.revision) return take(await send("GET", "/pick"));
  state.job = told.job;
  if (was !== running()) {
    take(await send("GET", "/pick")); // what is allowed has changed
    if (!running()) film.want(shown);
  } else {
    job.progress(state.job, state.prompts.length > 0);
  }
}

async function listen() {
  let failed = 0;
  const here = new AbortController();
  addEventListener("pagehide", () => here.abort());
  while (failed < LOST_AFTER) {
    try {
      await readEvents("/pick/live", here.signal, (_, told) => onTold(told), () => (failed = 0));
    } catch {
      // It has ended, or is busy: asked again.
    }
    failed += 1;
    await sleep(RETRY_MS);
  }
  ended();
}

function ended() {
  byId("curtain-text").textContent = text("pick_endedLong");
  byId("curtain-detail").textContent = text("pick_endedDetail");
  byId("curtain").hidden = false;
  for (const field of document.querySelectorAll("button, input, select, fieldset")) field.disabled = true;
}

async function close() {
  try {
    await send("POST", "/pick/close");
    if (!running()) ended();
  } catch (error) {
    notice(sentence(error));
  }
}

// -- the beginning -----------------------------------------------------------------------------------------------

take(await send("GET", "/pick"));
film = new Film(state.film.num_frames, showFrame, (error) => notice(sentence(error)));
const go = (frame) => !running() && film.want(frame);
byId("slider").oninput = (event) => go(Number(event.target.value));
byId("frame").onchange = (event) => go(Number(event.target.value));
byId("back").onclick = () => go(film.wanted - 1);
byId("on").onclick = () => go(film.wanted + 1);
byId("new").onclick = () => list.select(null);
byId("undo").onclick = undo;
byId("copy").onclick = copy;
byId("save").onclick = save;
byId("close").onclick = close;
for (const which of ["positive", "negative"]) byId(`mode-${which}`).onchange = () => setMode(which === "negative");
bindPickKeys({
  step: (frames) => go(film.wanted + frames),
  end: (last) => go(last ? state.film.num_frames - 1 : 0),
  nth: (n) => list.ids[n] !== undefined && list.select(list.selected === list.ids[n] ? null : list.ids[n]),
  another: () => list.select(null),
  mode: () => setMode(!stage.negative),
  clear: () => {
    const here = state.prompts.some((prompt) => prompt.object_id === list.selected && prompt.frame_idx === shown);
    if (here) change("POST", "/pick/clear", { object_id: list.selected, frame_idx: shown });
  },
  remove: () => list.selected !== null && change("DELETE", `/pick/objects/${list.selected}`),
  undo,
  escape: () => stage.cancel() || list.select(null),
});
film.want(Math.min(...state.prompts.map((prompt) => prompt.frame_idx), state.film.num_frames - 1) * (state.prompts.length > 0));
listen();
showScene();
