// Ties the page together: streams, player, pointing, objects, figures, messages.

import { adoptTokenFromAddress, ApiError, Backoff, readEvents, request, send } from "./api.js";
import { ObjectList } from "./objects.js";
import { Player } from "./player.js";
import { Stage } from "./stage.js";

const TOAST_MS = 5000;
const MAX_TOASTS = 4;
const $ = (id) => document.getElementById(id);

let stream = null; // the name of the stream that is shown
let status = null; // its newest state from the server
let link = { state: "connecting", text: "Connecting" };
let live = new AbortController();

const path = (rest = "") => `/streams/${encodeURIComponent(stream)}${rest}`;

// messages

function toast(text, { error = false, colour = null } = {}) {
  const box = document.createElement("div");
  box.className = error ? "toast error" : "toast";
  if (error) box.setAttribute("role", "alert");
  if (colour) box.style.setProperty("--tint", colour);
  box.append(document.createElement("i"), text);
  $("toasts").append(box);
  while ($("toasts").children.length > MAX_TOASTS) $("toasts").firstElementChild.remove();
  setTimeout(() => box.classList.add("leaving"), TOAST_MS);
  setTimeout(() => box.remove(), TOAST_MS + 400);
}

/** Runs something that talks to the server; false and one line on the screen where it fails. */
async function attempt(work) {
  try {
    await work();
    return true;
  } catch (error) {
    toast(error instanceof ApiError ? error.message : "The server does not answer", { error: true });
    return false;
  }
}

const EVENT_TEXTS = {
  lost: "lost",
  found: "found again",
  gap: "The camera was away: time passed that nobody saw",
  failed: "The tracker failed on a frame",
};

function onEvent(event) {
  const text = EVENT_TEXTS[event.kind];
  if (!text) return;
  if (event.object_id === null) return toast(text, { error: event.kind === "failed" });
  const label = status?.objects.find((item) => item.object_id === event.object_id)?.label;
  const name = label ? `${event.object_id} ${label}` : `Object ${event.object_id}`;
  return toast(`${name}: ${text}`, { colour: objects.colour(event.object_id) });
}

// figures

function onStatus(next) {
  status = next;
  const online = next.state === "online";
  $("fps").textContent = online ? next.fps.toFixed(1) : "–";
  $("latency").textContent = online && next.latency_ms.p50 ? `${Math.round(next.latency_ms.p50)} ms` : "–";
  $("latency-box").title = `Camera's decoder to published masks: median, 95 % within ${Math.round(next.latency_ms.p95)} ms`;
  const dropped = Object.entries(next.dropped ?? {}).filter(([, count]) => count > 0);
  $("dropped").textContent = dropped.reduce((sum, [, count]) => sum + count, 0);
  $("dropped-box").title = `Frames dropped since the start: ${dropped.map(([why, count]) => `${why} ${count}`).join(", ") || "none"}`;
  $("iou-box").hidden = next.mean_iou == null;
  if (next.mean_iou != null) $("iou").textContent = next.mean_iou.toFixed(2);
  $("pause").setAttribute("aria-pressed", String(next.paused));
  $("pause").textContent = next.paused ? "Resume" : "Pause";
  $("count").textContent = next.objects.length || "";
  $("empty").hidden = next.objects.length > 0;
  objects.show(next.objects);
  showLink();
}

/** Reconnects where the tracker goes on and the picture does not: a connection that died without a word. */
let framesAtStall = null;
function watchStall() {
  if (!player.stalled || !status) {
    framesAtStall = null;
  } else if (framesAtStall === null) {
    framesAtStall = status.newest_frame_idx;
  } else if (status.newest_frame_idx > framesAtStall + 1) {
    framesAtStall = null;
    player.reconnect?.();
  }
  showLink();
}

function showLink() {
  let { state, text } = link;
  let curtain = state === "live" ? "" : `${text}…`;
  if (status && status.state !== "online" && status.state !== "ended") {
    state = status.state === "connecting" || status.state === "loading" ? "connecting" : "offline";
    text = status.state[0].toUpperCase() + status.state.slice(1);
    curtain = status.detail ? `${text}: ${status.detail}` : `${text}…`;
  } else if (status?.paused) {
    text = "Paused";
  } else if (status?.state === "ended") {
    text = "Ended";
  } else if (player.stalled) {
    [state, text] = ["connecting", "No new pictures"];
  }
  $("link").dataset.state = state;
  if ($("link-text").textContent !== text) $("link-text").textContent = text;
  if (curtain && $("curtain").textContent !== curtain) $("curtain").textContent = curtain;
  $("curtain").classList.toggle("open", !curtain);
}

// objects and prompts

const objects = new ObjectList($("objects"), $("row"), await palette(), {
  rename: (id, label) => attempt(() => send("PATCH", path(`/objects/${id}`), { label })),
  remove: (id) => attempt(() => send("DELETE", path(`/objects/${id}`))),
  selected: () => showHint(),
});

async function palette() {
  // The picture's own colours, so that a swatch is what the operator sees.
  try {
    return await (await fetch("/web/palette.json")).json();
  } catch {
    return ["#8b98a5"];
  }
}

async function onPrompt(prompt, framePromise) {
  const selected = objects.selected;
  if (selected === null && prompt.labels?.[0] === 0) {
    toast("Select an object first: excluding needs one to take from", { error: true });
    return false;
  }
  return attempt(async () => {
    const frame = await framePromise;
    const body = frame === null ? prompt : { ...prompt, at_frame: frame };
    await send("POST", path(selected === null ? "/objects" : `/objects/${selected}/prompts`), body);
  });
}

function setNegative(negative) {
  stage.negative = negative;
  $("mode-positive").setAttribute("aria-checked", String(!negative));
  $("mode-negative").setAttribute("aria-checked", String(negative));
  showHint();
}

function showHint() {
  const id = objects.selected;
  const verb = stage.negative ? "Click what does not belong to" : "Click what belongs to";
  $("hint").textContent = id === null ? "" : `${verb} object ${id} · Esc when done`;
}

// wiring

const player = new Player($("video"), $("mjpeg"), (state, text) => {
  link = { state, text };
  showLink();
});
const stage = new Stage(
  $("stage"),
  $("marks"),
  player,
  () => (status?.width_px ? [status.width_px, status.height_px] : null),
  onPrompt,
);

$("mode-positive").onclick = () => setNegative(false);
$("mode-negative").onclick = () => setNegative(true);
$("pause").onclick = () => attempt(() => send("POST", path(status?.paused ? "/resume" : "/pause")));
$("snapshot").onclick = () =>
  attempt(async () => {
    const picture = await (await request(path("/snapshot.jpg"))).blob();
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(picture);
    anchor.download = `${stream}-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.jpg`;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
  });

document.addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
  if (event.ctrlKey || event.metaKey || event.altKey || $("token-dialog").open) return;
  if (event.key === "Escape") {
    if (!stage.cancel()) objects.select(null);
  } else if (event.key >= "1" && event.key <= "9") {
    objects.selectNth(Number(event.key) - 1);
  } else if (event.key.toLowerCase() === "x") {
    setNegative(!stage.negative);
  } else if (event.key === "Delete" && objects.selected !== null) {
    objects.actions.remove(objects.selected);
  }
});

async function follow(signal) {
  const backoff = new Backoff();
  while (!signal.aborted) {
    try {
      await readEvents(path("/live"), signal, (name, data) => {
        backoff.reset();
        if (name === "state") onStatus(data);
        else if (name === "event") onEvent(data);
      });
    } catch {
      // Shown by the player, which fails for the same reason and tries again as well.
    }
    if (!signal.aborted) await backoff.wait();
  }
}

function open(name) {
  live.abort();
  live = new AbortController();
  stream = name;
  status = null;
  objects.show([]);
  objects.select(null);
  document.title = `${name} · streamtrack`;
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  follow(live.signal);
  player.play(name);
}

async function start() {
  adoptTokenFromAddress();
  const backoff = new Backoff();
  for (;;) {
    try {
      const names = (await send("GET", "/streams")).map((one) => one.name);
      $("streams").replaceChildren(...names.map((name) => new Option(name, name)));
      $("picker").hidden = names.length < 2;
      const wanted = decodeURIComponent(location.hash.slice(1));
      $("streams").value = names.includes(wanted) ? wanted : names[0];
      $("streams").onchange = () => open($("streams").value);
      setInterval(watchStall, 1000);
      return open($("streams").value);
    } catch (error) {
      link = { state: "offline", text: error instanceof ApiError ? error.message : "The server does not answer" };
      showLink();
      await backoff.wait();
    }
  }
}

start();
