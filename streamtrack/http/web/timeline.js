// The timeline: what was recorded, played with its masks, from event to event.

import { ApiError, adoptTokenFromAddress, send } from "./api.js";
import { fillTexts, text } from "./strings.js";
import "./theme.js";
import "./timeline-texts.js";
import { Bars, clock, day } from "./timeline-bars.js";
import { ClipDesk } from "./timeline-clip.js";
import { PastEvents } from "./timeline-events.js";
import { Player } from "./timeline-player.js";
import { showWho } from "./who.js";

const REFRESH_MS = 5000;
const NOTICE_MS = 6000;
const LEAD_MS = 3000; // an event is seen coming

const byId = (id) => document.getElementById(id);

adoptTokenFromAddress();
fillTexts(document.body);
showWho();

let end = null; // of the time shown, in ms; null: now
let noticed = null;

const view = () => {
  const to = end ?? Date.now();
  return [to - Number(byId("span").value), to];
};

function trouble(words) {
  byId("notice").textContent = words;
  clearTimeout(noticed);
  noticed = setTimeout(() => (byId("notice").textContent = ""), NOTICE_MS);
}

const told = (error) => trouble(error instanceof ApiError ? error.message : text("noAnswerLong"));

const player = new Player(byId("film"), byId("drawn"), {
  onMoment: (ms) => {
    byId("nothing").hidden = true;
    byId("moment").textContent = `${day(ms)} ${clock(ms)}`;
    byId("moment").dateTime = new Date(ms).toISOString();
    bars.point(player.stream, ms, clip);
    remember(ms);
  },
  onNothing: () => {
    byId("nothing").hidden = false;
    byId("nothing").textContent = text("nothingThen");
    bars.point(player.stream, null, clip);
  },
  onBroken: (recording) => trouble(text("cannotPlay", { codec: recording?.name ?? "" })),
});
const bars = new Bars(byId("bars"), byId("scale"), (stream, ms) => player.go(stream, ms).catch(told));
const clip = new ClipDesk(byId, player, { onChange: () => refresh(), onTrouble: trouble });
const events = new PastEvents(byId, {
  onJump: (event) => jump(event),
  onFound: (found) => {
    bars.mark(found);
    bars.point(player.stream, player.moment, clip);
  },
});

async function jump(event) {
  if (event === null) return;
  await player.go(event.stream, event.wall_ms - LEAD_MS, { play: player.playing }).catch(told);
  // The film may begin less than that before it.
  if (player.moment === null) await player.go(event.stream, event.wall_ms).catch(told);
}

/** Keeps in the address what is shown, so that it can be sent to somebody, and survives a reload. */
let remembered = 0;
function remember(ms) {
  if (performance.now() - remembered < 1000 && player.playing) return;
  remembered = performance.now();
  history.replaceState(null, "", `#${new URLSearchParams({ stream: player.stream, t: Math.round(ms) })}`);
}

async function refresh() {
  const [from, to] = view();
  try {
    const answer = await send("GET", `/recordings?${new URLSearchParams({ from_ms: Math.floor(from), to_ms: Math.ceil(to) })}`);
    byId("no-bars").hidden = answer.streams.length > 0;
    byId("no-bars").textContent = text(answer.on ? "noRecordings" : "archiveOff");
    if (!answer.on) return false;
    const gb = (bytes) => (bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0);
    byId("kept").textContent = text("keptBytes", { gb: gb(answer.bytes), max: gb(answer.max_bytes), days: answer.keep_days });
    bars.show(answer.streams, [from, to]);
    events.offer(answer.streams.map(({ stream }) => stream));
    await events.search([from, to]);
    bars.point(player.stream, player.moment, clip);
    return true;
  } catch (error) {
    told(error);
    return true;
  }
}

async function refreshOften() {
  for (;;) {
    if (!document.hidden && end === null && !(await refresh())) return;
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
}

function move(share) {
  const [from, to] = view();
  end = to + share * (to - from);
  if (end >= Date.now()) end = null;
  refresh();
}

byId("earlier").addEventListener("click", () => move(-0.5));
byId("later").addEventListener("click", () => move(0.5));
byId("now").addEventListener("click", () => {
  end = null;
  refresh();
});
byId("span").addEventListener("change", () => refresh());
byId("play").addEventListener("click", () => player.toggle());
byId("frame-back").addEventListener("click", () => player.stepPicture(-1));
byId("frame-on").addEventListener("click", () => player.stepPicture(1));
byId("previous-event").addEventListener("click", () => beside(false));
byId("next-event").addEventListener("click", () => beside(true));
byId("speed").addEventListener("change", (event) => (player.video.playbackRate = player.video.defaultPlaybackRate = Number(event.target.value)));
byId("which").addEventListener("change", (event) => player.choose(event.target.value).catch(told));
byId("masks").addEventListener("click", toggleMasks);
for (const kind of ["play", "pause", "emptied"]) {
  player.video.addEventListener(kind, () => (byId("play").textContent = text(player.playing ? "pauseFilm" : "play")));
}

function beside(after) {
  const here = player.moment === null ? view()[after ? 0 : 1] : player.moment + LEAD_MS;
  jump(events.beside(here, player.stream, after));
}

function toggleMasks() {
  player.masks.shown = !player.masks.shown;
  byId("masks").setAttribute("aria-pressed", player.masks.shown);
  player.redraw();
}

const KEYS = {
  " ": () => player.toggle(),
  ",": () => player.stepPicture(-1),
  ".": () => player.stepPicture(1),
  n: () => beside(true),
  p: () => beside(false),
  i: () => clip.set("from"),
  o: () => clip.set("to"),
  e: () => clip.cut(),
  m: toggleMasks,
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, select, textarea") || (key === " " && target.matches("button, a, summary"))) return;
  const act = key === "ArrowLeft" || key === "ArrowRight"
    ? () => player.step((key === "ArrowLeft" ? -1 : 1) * (event.shiftKey ? 10 : 1))
    : KEYS[key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

const asked = new URLSearchParams(location.hash.slice(1));
if (asked.has("stream") && Number(asked.get("t"))) {
  const ms = Number(asked.get("t"));
  if (Date.now() - ms > Number(byId("span").value)) end = ms + Number(byId("span").value) / 2;
  player.go(asked.get("stream"), ms, { play: false }).catch(told);
  if (end !== null) refresh();
}
refreshOften();
