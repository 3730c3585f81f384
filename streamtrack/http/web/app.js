// Ties the page together: which stream is shown, and who hears of what.

import { Alerts } from "./alerts.js";
import { adoptTokenFromAddress, send } from "./api.js";
import { clearFigures, showFigures, showPause, showStanding } from "./bar.js";
import { Boxes } from "./boxes.js";
import { EventLog } from "./eventlog.js";
import { Feed } from "./feed.js";
import { Foot } from "./foot.js";
import { Happenings } from "./happenings.js";
import { bindKeys } from "./keys.js";
import { Mending } from "./mending.js";
import { ObjectList } from "./objects.js";
import { Picker } from "./picker.js";
import { saveSnapshot, toggleFullScreen } from "./picture.js";
import { Player } from "./player.js";
import { Pointing } from "./pointing.js";
import { Rules } from "./rules.js";
import { Stage } from "./stage.js";
import { standing } from "./standing.js";
import { fillTexts, sentence, text } from "./strings.js";
import { Backoff, Nap } from "./time.js";
import { Trials } from "./trials.js";
import { Undo } from "./undo.js";

const TICK_MS = 250;
const STANDS_MS = 5000; // a stream without a newly tracked frame for so long shows nothing of this moment
const $ = (id) => document.getElementById(id);

/** The stream that is shown. A turn that is over changes nothing on the page. */
class Turn {
  status = null;
  link = { up: null, error: null, nextTryAt: null };
  play = { state: "connecting", mjpeg: false, error: null };
  framesAtStall = null;
  frameAt = performance.now(); // when the server last told of a newly tracked frame
  trials = new Trials();
  boxes = new Boxes();
  pastAsked = false;
  over = false;

  constructor(name) {
    this.name = name;
    this.path = `/streams/${encodeURIComponent(name)}`;
    if (!told.has(name)) told.set(name, new Set());
    const note = (words, how) => log.add(name, words, how);
    this.happenings = new Happenings(note, (id) => objects.colour(id), told.get(name));
  }
}

let turn = null;
let feed = null;
let now = standing({ status: null, link: { up: null }, play: {}, stalled: false });
const undo = new Undo();
const told = new Map(); // by stream: which of its events are in the list

fillTexts(document);
const log = new EventLog($("events"), $("no-events"));
const foot = new Foot($("hint"), $("notice"));
const notice = (words) => foot.notice(words);
const objects = new ObjectList($("objects"), $("row"), await palette(), {
  rename: (id, label, former) => act(rename, id, label, former),
  remove: (id) => act(remove, id),
  selected: () => {
    mending.candidates.hide();
    showSelection();
  },
  picked: (id) => mending.picked(id),
});
const player = new Player($("video"), $("mjpeg"), (play) => {
  turn.play = play;
  show();
});
const pointing = new Pointing({
  ...{ turn: () => turn, dead: () => now.dead, objects, undo, notice, refused },
  clicked: (mine, id) => mending.candidates.offer(mine, id),
});
const stage = new Stage($("stage"), $("marks"), player, frameSize, (prompt, frame) => {
  const done = pointing.prompt(prompt, frame);
  done.then((accepted) => {
    if (accepted) foot.endFirstSteps();
    showHint();
  });
  return done;
});
const parts = { objects, undo, notice, act, showHint };
const mending = new Mending({ ...parts, pointing: () => pointing, stage: () => stage });
const alerts = new Alerts({ act, notice });
const rules = new Rules({ turn: () => turn, stage, frameSize, notice, act, alerts });
const picker = new Picker($("picker"), $("streams"), open, (name, shown) => {
  const words = text("unknownStream", { name, shown });
  log.add("", words, { bad: true });
  notice(words);
});

async function palette() {
  // The picture's own colours, so that a swatch is what the operator sees.
  try {
    return await send("GET", "/web/palette.json");
  } catch {
    return ["#8b98a5"];
  }
}

function frameSize() {
  return turn?.status?.width_px ? [turn.status.width_px, turn.status.height_px] : null;
}

// one stream

function open(name) {
  if (turn) turn.over = true;
  feed?.close();
  const mine = (turn = new Turn(name));
  mending.leave();
  objects.select(null);
  objects.show([], false);
  clearFigures();
  feed = new Feed(`${mine.path}/live`, {
    state: (status) => mine.over || onState(mine, status),
    event: (event) => mine.over || onEvent(mine, event),
    link: (link) => mine.over || onLink(mine, link),
  });
  player.play(name);
  show();
}

/** What happened on the stream while nobody looked here. */
async function loadPast(mine) {
  try {
    const events = await send("GET", `${mine.path}/events`);
    if (!mine.over) mine.happenings.onPast(events);
  } catch {
    // The list begins now. Whatever is wrong with the server shows elsewhere.
  }
}

function onState(mine, status) {
  const before = mine.status;
  if (status.newest_frame_idx !== before?.newest_frame_idx) mine.frameAt = performance.now();
  const inS = status.next_try_in_s ?? null;
  const seen = status.state === "online" && !status.paused;
  const objects = pointing.settled(mine, status, seen);
  mine.status = { ...status, objects, next_try_at: inS === null ? null : performance.now() + inS * 1000 };
  mine.happenings.onState(mine.status);
  mine.boxes.note(mine.status);
  if (!mine.pastAsked) {
    mine.pastAsked = true; // now that objects have their labels
    loadPast(mine);
  }
  if (status.state === "online" && before && before.state !== "online") player.retryNow();
  show();
}

function onEvent(mine, event) {
  mine.happenings.onEvent(event);
  alerts.onEvent(mine.name, event, mine.happenings.wordsFor(event) ?? event.kind);
}

function onLink(mine, link) {
  const { up } = mine.link;
  mine.link = link;
  // A server that refuses us is there, and its pictures may well come.
  const gone = link.up === false && link.nextTryAt !== null && typeof link.error?.status !== "number";
  if (gone && player.playing) {
    player.stop();
    log.add("", text("serverLost"), { bad: true });
    mine.happenings.forget();
  } else if (link.up && !player.playing) {
    log.add("", text("serverBack"));
    mine.status = null; // what it says now counts, and not what it said before
    player.play(mine.name);
  }
  if (link.up !== up || !link.up) show();
}

/** Connects anew where the tracker goes on and the picture does not: a connection that died without a word. */
function watchStall() {
  const { status } = turn;
  if (!player.stalled || !status) {
    turn.framesAtStall = null;
  } else if (turn.framesAtStall === null) {
    turn.framesAtStall = status.newest_frame_idx;
  } else if (status.newest_frame_idx > turn.framesAtStall + 1) {
    turn.framesAtStall = null;
    player.reconnect();
  }
}

function tick() {
  watchStall();
  if (objects.selected !== null) turn.boxes.compare(() => player.displayedFrame());
  show();
}

// what is shown

function show() {
  const { name, status, link, play } = turn;
  const stands = performance.now() - turn.frameAt > STANDS_MS;
  const { dead } = now;
  now = standing({ name, status, link, play, stalled: player.stalled, stands });
  if (dead !== null && now.dead === null) notice(""); // why a click said nothing holds no longer
  showStanding(now);
  showFigures(status, now.seen);
  showPause(status);
  const followed = status?.objects ?? [];
  $("count").textContent = followed.length || "";
  $("empty").hidden = followed.length > 0;
  $("remove-all").hidden = followed.length < 2;
  objects.show(followed, now.seen);
  rules.show(turn);
  showSelection();
}

function showSelection() {
  const id = objects.selected;
  const box = id !== null && now.curtain === null ? turn.boxes.of(id) : null;
  stage.select(box, id === null ? null : objects.colour(id));
  showHint();
}

function showHint() {
  const id = objects.selected;
  const selected = id === null ? null : { id, label: objects.item(id)?.label ?? "" };
  if (id === null && pointing.intent !== null) mending.leave();
  foot.showHint(selected, stage.negative, now.dead !== null, pointing.intent);
  mending.show();
}

function refused(error) {
  const words = sentence(error, { numObjects: turn?.status?.objects.length ?? 0 });
  notice(words);
  log.add(turn?.name ?? "", words, { bad: true });
}

// what a person may do

/** Runs something that talks to the server about the stream that is shown; what goes wrong is told. */
async function act(work, ...rest) {
  const mine = turn;
  if (!mine) return;
  try {
    await work(mine, ...rest);
  } catch (error) {
    if (!mine.over) refused(error);
  }
}

async function rename({ path }, id, label, former) {
  const step = { path, kind: "label", id, label: former };
  undo.note(step); // now: its answer may come after the state that shows it
  try {
    await send("PATCH", `${path}/objects/${id}`, { label });
  } catch (error) {
    undo.drop(step);
    throw error;
  }
}

async function remove({ path }, id) {
  await send("DELETE", `${path}/objects/${id}`);
  undo.forget(path, id);
  undo.note({ path, kind: "remove", id });
}

async function togglePause(mine) {
  if (mine.status === null) return;
  if (mine.status.state === "ended") return void (await send("POST", `${mine.path}/replay`));
  const { paused } = mine.status;
  mine.happenings.noteAsked(paused ? "resumed" : "paused");
  await send("POST", `${mine.path}/${paused ? "resume" : "pause"}`);
}

/** The curtain's button: the page asks the server again, or the server does what the person wants. */
async function tryAgain({ path }) {
  const retry = now.curtain?.retry;
  if (retry === "server") feed.retryNow();
  else if (retry) await send("POST", `${path}/${retry}`);
}

function askRemoveAll() {
  const mine = turn;
  const ids = [...objects.items.keys()];
  $("remove-question").textContent = text("removeAllQuestion", { count: ids.length });
  $("remove-dialog").returnValue = "";
  $("remove-dialog").showModal();
  $("remove-dialog").onclose = () => {
    if ($("remove-dialog").returnValue !== "remove" || mine.over) return;
    act(async (shown) => {
      for (const id of ids) if (objects.item(id)) await remove(shown, id);
    });
  };
}

function setNegative(negative) {
  stage.negative = negative;
  $(negative ? "mode-negative" : "mode-positive").checked = true;
  showHint();
}

$("mode-positive").onchange = () => setNegative(false);
$("mode-negative").onchange = () => setNegative(true);
$("pause").onclick = () => act(togglePause);
$("snapshot").onclick = () => act(saveSnapshot);
$("full-screen").onclick = toggleFullScreen;
$("full-screen").hidden = !document.fullscreenEnabled;
$("remove-all").onclick = askRemoveAll;
$("retry").onclick = () => act(tryAgain);
bindKeys({
  ...mending.keys,
  ...rules.keys({ escape: mending.keys.escape, remove: () => objects.selected !== null && act(remove, objects.selected) }),
  nth: (n) => objects.selectNth(n),
  mode: () => setNegative(!stage.negative),
  pause: () => act(togglePause),
  fullScreen: toggleFullScreen,
});

// the start

async function start() {
  adoptTokenFromAddress();
  const backoff = new Backoff(300, 1000);
  const nap = new Nap();
  for (;;) {
    let error = null;
    try {
      const names = (await send("GET", "/streams")).map((one) => one.name);
      if (names.length) {
        picker.offer(names);
        alerts.start();
        setInterval(tick, TICK_MS);
        return;
      }
    } catch (caught) {
      error = caught;
    }
    const ms = backoff.next();
    const curtain = { text: text(error ? "noAnswerLong" : "noStreamsLong"), detail: "", nextTryAt: null, retry: null };
    if (typeof error?.status === "number") curtain.text = sentence(error);
    showStanding({ dot: "connecting", text: text("connecting"), curtain });
    await nap.sleep(ms);
  }
}

start();
