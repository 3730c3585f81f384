// Every text of the page, by language. A new language is one more table; what it leaves out is English.

const ENGLISH = {
  // the bar
  stream: "Stream",
  fps: "FPS",
  fpsTitle: "Frames tracked a second",
  latency: "Latency",
  latencyTitle: "From the camera's decoder to the published masks: median; 95 % within {p95} ms",
  latencyUnknown: "From the camera's decoder to the published masks, median",
  dropped: "Dropped",
  droppedTitle: "Frames dropped since the start: {reasons}",
  none: "none",
  iou: "IoU",
  iouTitle: "Mean overlap with the scene's own truth: 1 is perfect",
  pause: "Pause",
  resume: "Resume",
  pauseTitle: "Stop and go on tracking, for every viewer (Space)",
  replay: "Play again",
  replayTitle: "Play the recording again, from its beginning (Space)",
  snapshot: "Snapshot",
  snapshotTitle: "Save the picture as JPEG",
  fullScreen: "Full screen",
  fullScreenTitle: "Only the picture (F)",

  // how it stands, in the bar and large over the picture
  connecting: "Connecting",
  reconnecting: "Reconnecting",
  live: "Live",
  liveMjpeg: "Live, MJPEG",
  loading: "Loading",
  offline: "Camera offline",
  failed: "Tracking failed",
  stalled: "Tracking hangs",
  stopped: "Stopped",
  ended: "Ended",
  paused: "Paused",
  noPictures: "No new pictures",
  connectingLong: "Connecting to the picture…",
  noAnswerLong: "The server does not answer",
  loadingLong: "The model is being loaded…",
  cameraConnectingLong: "Connecting to the camera…",
  offlineLong: "The camera is offline",
  failedLong: "Tracking has failed",
  stalledLong: "Tracking hangs",
  stoppedLong: "The stream is stopped",
  endedLong: "The recording has ended",
  noPicturesLong: "No new pictures arrive",
  unknownStreamLong: "There is no stream {name} on this server",
  noStreamsLong: "This server has no stream",
  viewersFullLong: "Too many people watch this stream",
  next: "Next try in {seconds} s",
  trying: "Trying now…",
  tryNow: "Try now",
  restart: "Start it again",

  // the picture
  stageLabel:
    "Live video. Click an object to follow it. With the keyboard: arrow keys move the cross, Enter clicks, Shift Enter excludes.",
  firstSteps: "Click an object to follow it, or drag a box around it",
  firstStepsTouch: "Tap an object to follow it, or drag a box around it",
  hintInclude: "Click what belongs to {object} · Esc when done",
  hintExclude: "Click what does not belong to {object} · Esc when done",
  hint_start_over: "Click what {object} is from now on, or drag a box around it · Esc: leave it",
  hint_merge: "Click the object that belongs to {object}, in the picture or in the list · Esc: leave it",
  candidates: "What the click means",
  candidateWhole: "Whole",
  candidatePart: "Part",
  candidateDetail: "Detail",
  candidateOther: "Mask {number}",
  candidateTitle: "{name}: the mask is {mask} % sure (C: the next one)",
  hintIncludeTouch: "Tap what belongs to {object}",
  hintExcludeTouch: "Tap what does not belong to {object}",

  // the objects
  objects: "Objects",
  clickMeans: "What a click means",
  include: "Include",
  exclude: "Exclude",
  empty: "Nothing is followed yet.",
  emptyHow: "Click an object in the picture, or drag a box around it.",
  undo: "Undo",
  undoTitle: "Take back what you did last (Ctrl+Z)",
  mend: "The selected object",
  startOver: "Start over",
  startOverTitle: "Give the selected object another beginning; its number and label stay (O)",
  merge: "Merge",
  mergeTitle: "Make one object of two: the next one clicked goes into the selected one (M)",
  clear: "Clear clicks",
  clearTitle: "Take all clicks on the picture of its last one back (K)",
  removeAll: "Remove all",
  removeAllQuestion: "Stop following all {count} objects?",
  removeAllNote: "Every viewer loses them.",
  remove: "Remove",
  cancel: "Cancel",
  label: "Label",
  object: "object {id}",
  objectStart: "Object {id}",
  objectNamed: "{id} {label}",
  selectObject: "Select {object}",
  labelOfObject: "Label of {object}",
  removeObject: "Remove {object}",
  visibilityOfObject: "Visibility of {object}",
  scoreTitle: "visible {visible} %, mask {mask} %",
  state_tracking: "tracking",
  state_uncertain: "uncertain",
  state_occluded: "hidden",
  state_lost: "lost",
  state_pending: "pending",
  state_unseen: "unseen",
  stateTitle_tracking: "In sight and followed",
  stateTitle_uncertain: "In sight, but its outline is in doubt",
  stateTitle_occluded: "Not in sight on this frame",
  stateTitle_lost: "Not in sight for a while",
  stateTitle_pending: "Followed from the next frame on",
  stateTitle_unseen: "Nobody looks: no pictures are tracked now",

  // zones and lines
  rules: "Zones and lines",
  drawZone: "+ Zone",
  drawLine: "+ Line",
  drawZoneTitle: "Draw a zone over the picture (Z)",
  drawLineTitle: "Draw a line over the picture (L)",
  noRules: "None yet. Draw one over the picture.",
  drawing: "Drawing",
  draw_zone: "Click the zone's corners: {left} more at least",
  drawMore_zone: "{count} corners · click the first one, or Done",
  draw_line: "Click the line's points: {left} more at least",
  drawMore_line: "{count} points · click the last one twice, or Done",
  drawBack: "Back",
  drawDone: "Done",
  name_zone: "zone {number}",
  name_line: "line {number}",
  zoneTitle: "Zone",
  lineTitle: "Line",
  ruleName: "Name",
  ruleTest: "What of the object counts",
  test_foot: "its foot",
  test_centre: "its centre",
  test_mask: "all its pixels",
  ruleShare: "Share of it inside, %",
  ruleLoiter: "Tell after seconds inside",
  ruleForward: "Name of the arrow's way",
  ruleBackward: "Name of the other way",
  ruleClasses: "Only classes, such as person, car",
  ruleLabels: "Only labels",
  any: "any",
  never: "never",
  save: "Save",
  ruleSaved: "{rule} is watched now",
  zoneCounts: "empty · {entered} entered",
  zoneBusy: "{inside} inside for {seconds} s · {entered} entered",
  lineCounts: "{forward} {ins} · {backward} {outs}",
  changeRule: "Change {rule}",
  removeRule: "Remove {rule}",

  // alerts
  alerts: "Alerts",
  notify: "Notify me here",
  notifyTitle: "Show notifications of this browser while the page is open",
  notifyNone: "This browser notifies on https and on this machine only",
  notifyDenied: "The browser does not let this page notify: its settings say so",
  notifyOf: "Notify of",
  notifyOnly: "Only these classes, labels, zones or lines",
  kind_entered: "entered",
  kind_left: "left",
  kind_crossed: "crossed",
  kind_loitering: "loitering",
  kind_lost: "lost",
  kind_source_lost: "camera away",
  thisBrowser: "This browser",
  receiverCounts: "{sent} sent · {waiting} waiting · {dropped} dropped",
  alertsOn: "Alerts on",
  snooze_15: "Silent for 15 min",
  snooze_60: "Silent for 1 h",
  snooze_480: "Silent for 8 h",
  snoozedUntil: "Silent until {time}",
  snoozeRule: "Alerts of {rule}",
  snoozeReceiver: "Alerts to {name}",

  // mouse and keys
  keys: "Mouse and keys",
  keyClick: "Click",
  keyClickDoes: "follow an object; one that is followed: select it; with one selected: add to it",
  keyShiftClickDoes: "exclude from the selected object",
  keyDrag: "Drag",
  keyDragDoes: "box around an object",
  keyCrossDoes: "the same without a mouse",
  keyNumberDoes: "select the n-th object",
  keyXDoes: "include / exclude",
  keyCDoes: "another mask for the last click: whole, part, detail",
  keyODoes: "start the selected object over",
  keyMDoes: "merge the selected object with the next one clicked",
  keyKDoes: "clear the selected object's last clicks",
  keyZoneDoes: "draw a zone, a line; the cross and Enter set corners, Backspace takes one back",
  keyDoneDoes: "the drawing is done",
  keyDelDoes: "remove the selected object",
  keyUndoDoes: "take back what you did last",
  keySpaceDoes: "pause, resume",
  keyFDoes: "full screen",
  keyEscDoes: "select none",
  apiLink: "The server's API",

  // the token
  tokenTitle: "Access token",
  tokenText: "This server asks for a token. It is kept until you close the tab.",
  tokenWrong: "That token was not accepted. Try another.",
  token: "Token",
  continue: "Continue",

  // the list of events
  events: "Events",
  noEvents: "Nothing has happened yet.",
  times: "{count} times",
  event_added: "{object}: followed",
  event_removed: "{object}: no longer followed",
  event_lost: "{object}: lost",
  event_found: "{object}: found again",
  event_identity_clash: "{object}: another object has the same mask; merge the two, or correct one",
  event_scene_cut: "Another scene began: objects are looked for in the whole picture",
  event_entered: "{object} entered {rule}",
  event_left: "{object} left {rule} after {dwell} s",
  event_loitering: "{object} has been in {rule} for {dwell} s",
  event_crossed: "{object} crossed {rule}: {direction}",
  event_not_finite: "{object}: the network gave no valid numbers; it goes on from the frame before",
  event_gap: "The camera was away: time passed that nobody saw",
  event_gapSeconds: "The camera was away for {seconds} s: what happened meanwhile nobody saw",
  event_failed: "Tracking failed; it is started again after a while",
  event_restarted: "Tracking goes on after a failure; the objects are followed again",
  event_stalled: "Tracking hangs",
  event_source_lost: "The camera is away",
  event_frozen: "The camera sends the same picture over and over",
  event_unfrozen: "The camera's picture moves again",
  event_size_changed: "The camera's picture has another size",
  event_clock_jumped: "The camera's clock jumped",
  event_damaged: "The camera's pictures arrive damaged",
  event_paused: "Paused",
  event_resumed: "Goes on",
  event_pausedHere: "Paused, for every viewer",
  event_pausedElsewhere: "Paused by another viewer",
  event_resumedHere: "Goes on",
  event_resumedElsewhere: "Another viewer let it go on",
  serverLost: "The server does not answer",
  serverBack: "The server answers again",
  unknownStream: "There is no stream {name} here: {shown} is shown",

  // what was refused, and what came of one's own doing
  selectFirst: "Select an object first: excluding needs one to take from",
  deadPicture_server: "The server does not answer: this picture is old, and a click on it says nothing",
  deadPicture_offline: "The camera is offline: this picture is old, and a click on it says nothing",
  deadPicture_failed: "Tracking has failed: a click can do nothing now",
  deadPicture_wait: "There is no live picture yet: wait a moment",
  isFollowed: "{object} is followed there already: it is selected now",
  startedOver: "{object} starts here anew",
  merged: "{object} is part of {into} now",
  mergeNone: "There is no other object: click one that is followed",
  cleared: "{object} is without its last clicks",
  selectToMend: "Select an object first",
  noCandidates: "Click an object first: its masks are offered then",
  nothingToUndo: "There is nothing to take back",
  undone_start: "Taken back: {object} is no longer followed",
  undone_correct: "Taken back: the last click on {object}",
  undone_choose: "Taken back: {object} has its former mask",
  undone_clear: "Taken back: {object} has its clicks again",
  undone_start_over: "Taken back: {object} is what it was before it was started over",
  undone_merge: "Taken back: {object} is by itself again",
  undoTooLate: "That is too long ago to be taken back: click {object} again where it is wrong",
  undoneLabel: "Taken back: {object} has its former label",
  noUndoRemove: "A removal cannot be taken back: click the object anew",

  // errors by kind; the server's own line where there is no sentence
  error_none: "The server does not answer. Try again in a moment",
  error_capacity: "Every place for an object is taken ({count}). Remove one first",
  error_capacityUnknown: "Every place is taken. Try again when one is free",
  error_busy: "The server is busy. Try again in a moment",
  error_frame_expired: "That picture is too long ago. Click again",
  error_nothing_found: "Nothing was found there. Click the middle of an object, or drag a box around it",
  error_duplicate: "That is followed already",
  error_unknown_object: "That object is no longer followed",
  error_unknown_stream: "This stream is no longer there",
  error_offline: "The stream has no picture to work on now",
  error_prompt: "That cannot be followed: {message}",
  error_timeout: "The server took too long. Try again",
  error_internal: "The server could not do it; its log says why",
  error_forbidden: "The server does not let this page do that",
};

const LANGUAGES = { en: ENGLISH };

/** The table of the first language of the reader's that there is one for. */
export function tableFor(languages) {
  for (const language of languages) {
    const table = LANGUAGES[language.toLowerCase()] ?? LANGUAGES[language.toLowerCase().split("-")[0]];
    if (table) return { ...ENGLISH, ...table };
  }
  return ENGLISH;
}

const table = { ...tableFor(navigator.languages ?? [navigator.language ?? "en"]) };

/** Adds the texts of another page. */
export const addTexts = (more) => Object.assign(table, more);

/** Whether there is a text with this name. */
export const hasText = (name) => name in table;

/** A text, with {values} filled in. */
export function text(name, values = {}) {
  return (table[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}

/** What to call an object in a sentence; `start` where the sentence begins with it. */
export function nameOf(id, label = "", start = false) {
  if (label) return text("objectNamed", { id, label });
  return text(start ? "objectStart" : "object", { id });
}

const KIND_OF_STATUS = { 403: "forbidden", 404: "unknown_stream", 408: "timeout", 500: "internal", 502: "none", 504: "timeout" };

/** What an error means for a person; anything but an ApiError means that no answer came. */
export function sentence(error, { numObjects = 0 } = {}) {
  if (typeof error?.status !== "number") return text("error_none");
  let kind = error.kind || KIND_OF_STATUS[error.status] || "";
  if (kind === "capacity" && numObjects === 0) kind = "capacityUnknown";
  const key = `error_${kind}`;
  return hasText(key) ? text(key, { count: numObjects, message: error.message }) : error.message;
}

/** Fills the page's own texts: data-text, and data-title, data-label, data-placeholder for attributes. */
export function fillTexts(root) {
  const attributes = { title: "title", label: "aria-label", placeholder: "placeholder" };
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const [name, attribute] of Object.entries(attributes)) {
    for (const node of root.querySelectorAll(`[data-${name}]`)) node.setAttribute(attribute, text(node.dataset[name]));
  }
  for (const template of root.querySelectorAll("template")) fillTexts(template.content);
}
