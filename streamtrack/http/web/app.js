// Ties the page together: which stream is shown, and who hears of what.

import { Alerts } from "./alerts.js";
import { adoptTokenFromAddress, send } from "./api.js";
import { clearFigures, showFigures, showPause, showStanding } from "./bar.js";
import { Cameras } from "./cameras.js";
import { Commands } from "./commands.js";
import { EventLog } from "./eventlog.js";
import { Feed } from "./feed.js";
import { FollowView } from "./follow.js";
import { Foot } from "./foot.js";
import { Grid } from "./grid.js";
import { bindKeys } from "./keys.js";
import { Looks } from "./looks.js";
import { Mending } from "./mending.js";
import { Names } from "./names.js";
import { ObjectList } from "./objects.js";
import { checkHistory } from "./past.js";
import { Picker } from "./picker.js";
import { saveSnapshot, toggleFullScreen } from "./picture.js";
import { Pointing } from "./pointing.js";
import { Rules } from "./rules.js";
import { Settings } from "./settings.js";
import { Sparks } from "./sparks.js";
import { standing } from "./standing.js";
import { Streams } from "./streams.js";
import { fillTexts, sentence, text } from "./strings.js";
import { Turn } from "./turn.js";
import { Undo } from "./undo.js";
import { checkVersion } from "./version.js";
import { Viewer } from "./viewer.js";
import { showWho } from "./who.js";

const TICK_MS = 250;
const $ = (id) => document.getElementById(id);

let turn = null;
let feed = null;
let ticking = 0;
let now = standing({ status: null, link: { up: null }, play: {}, stalled: false });
const undo = new Undo();

adoptTokenFromAddress();
fillTexts(document);
showWho();
const log = new EventLog($("events"), $("no-events"));
const foot = new Foot($("hint"), $("notice"));
const notice = (words) => foot.notice(words);
const sparks = new Sparks();
const names = new Names();
const frameSize = () => turn?.frameSize ?? null;
const streamName = () => turn?.name ?? "";
const commands = new Commands({
  ...{ turn: () => turn, objects: () => objects, names, undo, refused, standing: () => now },
  askServer: () => feed.retryNow(),
});
const { act } = commands;
const looks = new Looks(await palette(), onLooks);
const objects = new ObjectList($("objects"), $("row"), {
  rename: (id, label, former) => commands.rename(id, label, former),
  remove: (id) => commands.remove(id),
  selected: () => {
    mending.candidates.hide();
    showSelection();
  },
  picked: (id) => mending.picked(id),
  colour: (id, label) => looks.colour(streamName(), id, label),
});
const pointing = new Pointing({
  ...{ turn: () => turn, dead: () => now.dead, objects, undo, notice, refused },
  clicked: (mine, id) => mending.candidates.offer(mine, id),
});
const viewer = new Viewer({
  ...{ frameSize, stream: streamName, looks, objects: () => objects, rules: () => rules.drawn(), notice },
  state: (play) => {
    turn.play = play;
    show();
  },
  prompt: (prompt, frame) => {
    const done = pointing.prompt(prompt, frame);
    done.then((accepted) => {
      if (accepted) foot.endFirstSteps();
      showHint();
    });
    return done;
  },
});
const { player, held, stage, screen } = viewer;
const parts = { objects, undo, notice, act, showHint };
const mending = new Mending({ ...parts, pointing: () => pointing, stage: () => stage });
const alerts = new Alerts({ act, notice });
const rules = new Rules({ turn: () => turn, stage, frameSize, notice, act, alerts });
const settings = new Settings(looks, { stream: streamName, selected: () => objects.selection });
const followView = new FollowView(() => showFollow());
const grid = new Grid({
  choose: (name) => {
    grid.toggle(false);
    picker.choose(name);
  },
  whole: (whole) => (whole ? player.stop() : turn && !turn.lost && player.play(turn.name)),
});
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

function onStreams(statuses) {
  if (!streams.names.length && turn === null) return showStart("noStreamsLong");
  if (streams.names.length) picker.offer(streams.names);
  grid.show(statuses, streamName());
  if (ticking || turn === null) return;
  alerts.start();
  checkVersion();
  checkHistory(log);
  ticking = setInterval(tick, TICK_MS);
}

function onNoStreams(error) {
  if (turn === null) showStart("noAnswerLong", error);
}

function showStart(name, error = null) {
  const curtain = { text: text(name), detail: error === null ? text("noStreamsHow") : "", nextTryAt: null, retry: null };
  if (typeof error?.status === "number") curtain.text = sentence(error);
  showStanding({ dot: "connecting", text: text(error === null ? "noStreams" : "connecting"), curtain });
}

// one stream

function open(name) {
  if (turn) turn.over = true;
  feed?.close();
  const note = (...line) => log.add(...line);
  const mine = (turn = new Turn(name, note, {
    colour: (id) => objects.colour(id),
    thumbnail: (id) => (now.curtain === null ? viewer.thumbnailOf(id, mine.boxes.lastOf(id)) : undefined),
  }));
  mending.leave();
  viewer.clear();
  followView.close();
  objects.select(null);
  objects.show([], false);
  clearFigures();
  sparks.clear();
  feed = new Feed(`${mine.path}/live`, {
    state: (status) => mine.over || onState(mine, status),
    event: (event) => mine.over || onEvent(mine, event),
    link: (link) => mine.over || onLink(mine, link),
  });
  if (!grid.whole) player.play(name);
  grid.show(streams.statuses, name);
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
  if (gone && !mine.lost) {
    mine.lost = true;
    player.stop();
    log.add("", text("serverLost"), { bad: true });
    mine.happenings.forget();
  } else if (link.up && mine.lost) {
    mine.lost = false;
    log.add("", text("serverBack"));
    mine.status = null; // what it says now counts, and not what it said before
    if (!grid.whole) player.play(mine.name);
    streams.look();
    checkVersion();
    checkHistory(log);
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
  if (objects.selected !== null && !screen.clean) turn.boxes.compare(() => player.displayedFrame());
  show();
  viewer.draw(); // names and counts change also where the picture stands
  sparks.note(turn.status, now.seen);
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
  const { selected: id } = objects;
  const exact = viewer.boxOf(id);
  const box = id === null || now.curtain !== null ? null : exact === undefined ? turn.boxes.of(id) : exact;
  stage.select(box, id === null ? null : objects.colour(id), exact !== undefined);
  settings.show();
  showFollow();
  showHint();
}

function showFollow() {
  $("follow").setAttribute("aria-pressed", String(followView.id !== null && followView.id === objects.selected));
}

function showHint() {
  const { selection } = objects;
  if (selection === null && pointing.intent !== null) mending.leave();
  foot.showHint(selection, stage.negative, now.dead !== null, pointing.intent);
  mending.show();
}

function onLooks() {
  viewer.showLooks();
  if (turn !== null) show();
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

function toggleFollow() {
  const { selection } = objects;
  if (selection === null) return notice(text("selectToMend"));
  followView.toggle(turn.path, selection.id, selection.label);
}

function escape() {
  if (grid.whole) grid.toggle(false);
  else if (held.active) held.live();
  else mending.keys.escape();
}

$("mode-positive").onchange = () => setNegative(false);
$("mode-negative").onchange = () => setNegative(true);
$("snapshot").onclick = () => act(saveSnapshot);
$("full-screen").onclick = toggleFullScreen;
$("full-screen").hidden = !document.fullscreenEnabled;
$("follow").onclick = toggleFollow;
const removeSelected = () => objects.selected !== null && commands.remove(objects.selected);
bindKeys({
  ...mending.keys,
  ...rules.keys({ escape, remove: removeSelected }),
  ...viewer.keys,
  ...{ follow: toggleFollow, grid: () => grid.toggle(), help: () => settings.help(), name: () => objects.editLabel() },
  ...{ streamBefore: () => picker.choose(grid.neighbour(-1)), streamAfter: () => picker.choose(grid.neighbour(1)) },
  style: () => notice(settings.nextStyle()),
  nth: (n) => objects.selectNth(n),
  mode: () => setNegative(!stage.negative),
  pause: () => commands.pause(),
  fullScreen: toggleFullScreen,
});
streams.run();
