// Ties the page together: which stream is shown, and who hears of what.

import { Alerts } from "./alerts.js";
import { adoptTokenFromAddress, send } from "./api.js";
import { clearFigures, showFigures, showPause, showStanding } from "./bar.js";
import { Cameras } from "./cameras.js";
import { Commands } from "./commands.js";
import { EventLog } from "./eventlog.js";
import { Feed } from "./feed.js";
import { Foot } from "./foot.js";
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
import { Streams } from "./streams.js";
import { fillTexts, sentence, text } from "./strings.js";
import { Turn } from "./turn.js";
import { Undo } from "./undo.js";

const TICK_MS = 250;
const $ = (id) => document.getElementById(id);

let turn = null;
let feed = null;
let ticking = 0;
let now = standing({ status: null, link: { up: null }, play: {}, stalled: false });
const undo = new Undo();

adoptTokenFromAddress();
fillTexts(document);
const log = new EventLog($("events"), $("no-events"));
const foot = new Foot($("hint"), $("notice"));
const notice = (words) => foot.notice(words);
const commands = new Commands({
  ...{ turn: () => turn, objects: () => objects, undo, refused, standing: () => now },
  askServer: () => feed.retryNow(),
});
const { act } = commands;
const objects = new ObjectList($("objects"), $("row"), await palette(), {
  rename: (id, label, former) => commands.rename(id, label, former),
  remove: (id) => commands.remove(id),
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
const frameSize = () => turn?.frameSize ?? null;
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
const streams = new Streams({ told: onStreams, failed: onNoStreams });
new Cameras($("cameras"), { changed: () => streams.look(), refused });

async function palette() {
  // The picture's own colours, so that a swatch is what the operator sees.
  try {
    return await send("GET", "/web/palette.json");
  } catch {
    return ["#8b98a5"];
  }
}

// the streams

function onStreams() {
  const { names } = streams;
  if (!names.length && turn === null) return showStart("noStreamsLong");
  if (!names.length) return;
  picker.offer(names);
  if (ticking) return;
  alerts.start();
  ticking = setInterval(tick, TICK_MS);
}

function onNoStreams(error) {
  if (turn === null) showStart("noAnswerLong", error);
}

function showStart(name, error = null) {
  const curtain = { text: text(name), detail: "", nextTryAt: null, retry: null };
  if (typeof error?.status === "number") curtain.text = sentence(error);
  showStanding({ dot: "connecting", text: text("connecting"), curtain });
}

// one stream

function open(name) {
  if (turn) turn.over = true;
  feed?.close();
  const note = (...line) => log.add(...line);
  const mine = (turn = new Turn(name, note, (id) => objects.colour(id)));
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
  mine.note(status, pointing.settled(mine, status, status.state === "online" && !status.paused));
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
  const { name, status, link, play, stands } = turn;
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

function setNegative(negative) {
  stage.negative = negative;
  $(negative ? "mode-negative" : "mode-positive").checked = true;
  showHint();
}

$("mode-positive").onchange = () => setNegative(false);
$("mode-negative").onchange = () => setNegative(true);
$("snapshot").onclick = () => act(saveSnapshot);
$("full-screen").onclick = toggleFullScreen;
$("full-screen").hidden = !document.fullscreenEnabled;
const removeSelected = () => objects.selected !== null && commands.remove(objects.selected);
bindKeys({
  ...mending.keys,
  ...rules.keys({ escape: mending.keys.escape, remove: removeSelected }),
  nth: (n) => objects.selectNth(n),
  mode: () => setNegative(!stage.negative),
  pause: () => commands.pause(),
  fullScreen: toggleFullScreen,
});
streams.run();
