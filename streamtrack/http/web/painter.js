// Paints objects over a picture, in one of several styles. Values in, pixels out: it knows no server and no page.

import { OPAQUE } from "./looks.js";

const HALO = "rgb(8 10 14 / .75)";
const FILL_SHARE = 0.42;
const DIM = "rgb(4 6 9 / .68)";
const BLUR_SHARE = 1 / 24; // of the picture's width that is left of it
const REDACT_SHARE = 1 / 40;
const REDACT_MARGIN = 0.012; // of the picture's width: an outline is simplified, and a mask may end short of the edge
const OUTLINE_PX = 2;
const TAG_PX = 12;
const SELECTED_MARGIN_PX = 14; // room for the corners around it
const small = document.createElement("canvas");
const layer = document.createElement("canvas");

/**
 * @param pen a 2D context in CSS pixels of the stage
 * @param rect where the picture lies, { left, top, width, height } in the pen's pixels
 * @param picture what is on the screen: a video, an image or a canvas
 * @param shapes see shapes.js
 * @param look { styleOf(object), colourOf(object), nameOf(object), tags: whether names are drawn, selected: an id }
 */
export function paint(pen, rect, picture, shapes, look) {
  const scale = rect.width / shapes.width;
  const drawn = shapes.objects
    .filter((object) => object.box !== null)
    .map((object) => ({ object, style: look.styleOf(object), path: pathOf(object.rings, rect, scale) }));
  const of = (style) => drawn.filter((one) => one.style === style);
  if (drawn.some(({ style }) => OPAQUE.has(style))) pen.drawImage(picture, rect.left, rect.top, rect.width, rect.height);
  blurRest(pen, rect, picture, of("blur"));
  dimRest(pen, rect, picture, of("spotlight"));
  redact(pen, rect, picture, of("redact"));
  for (const { object, style, path } of drawn) {
    const colour = look.colourOf(object);
    if (style === "fill") fill(pen, path, colour, object.state === "uncertain" ? FILL_SHARE / 2 : FILL_SHARE);
    if (style === "fill" || style === "outline") outline(pen, path, colour, object.state === "uncertain");
    else if (style !== "hide" && object.id === look.selected) outline(pen, path, colour, true);
  }
  if (look.tags) paintTags(pen, rect, scale, drawn.filter(({ style }) => style !== "hide"), look);
}

function pathOf(rings, { left, top }, scale) {
  const path = new Path2D();
  for (const ring of rings) {
    for (let at = 0; at < ring.length; at += 2) {
      const [x, y] = [left + ring[at] * scale, top + ring[at + 1] * scale];
      if (at) path.lineTo(x, y);
      else path.moveTo(x, y);
    }
    path.closePath();
  }
  return path;
}

function fill(pen, path, colour, share) {
  pen.globalAlpha = share;
  pen.fillStyle = colour;
  pen.fill(path, "evenodd");
  pen.globalAlpha = 1;
}

function outline(pen, path, colour, dashed) {
  pen.lineJoin = "round";
  pen.strokeStyle = HALO;
  pen.lineWidth = OUTLINE_PX + 2;
  pen.stroke(path);
  if (dashed) pen.setLineDash([9, 6]);
  pen.strokeStyle = colour;
  pen.lineWidth = OUTLINE_PX;
  pen.stroke(path);
  pen.setLineDash([]);
}

/** Everything but these objects is dim. */
function dimRest(pen, rect, picture, chosen) {
  if (!chosen.length) return;
  pen.fillStyle = DIM;
  pen.fillRect(rect.left, rect.top, rect.width, rect.height);
  restore(pen, rect, picture, chosen);
}

/** Everything but these objects is blurred. */
function blurRest(pen, rect, picture, chosen) {
  if (!chosen.length) return;
  drawCoarse(pen, rect, picture, BLUR_SHARE, true);
  restore(pen, rect, picture, chosen);
}

/** The picture itself, where these objects are. */
function restore(pen, rect, picture, chosen) {
  for (const { path } of chosen) {
    pen.save();
    pen.clip(path, "evenodd");
    pen.drawImage(picture, rect.left, rect.top, rect.width, rect.height);
    pen.restore();
  }
}

/** The objects, and a margin around them, in blocks. */
function redact(pen, rect, picture, chosen) {
  if (!chosen.length) return;
  const { canvas } = pen;
  if (layer.width !== canvas.width || layer.height !== canvas.height) Object.assign(layer, { width: canvas.width, height: canvas.height });
  const over = layer.getContext("2d");
  over.setTransform(1, 0, 0, 1, 0, 0);
  over.globalCompositeOperation = "source-over";
  over.clearRect(0, 0, layer.width, layer.height);
  over.setTransform(pen.getTransform());
  over.lineJoin = "round";
  over.lineWidth = 2 * rect.width * REDACT_MARGIN;
  for (const { path } of chosen) {
    over.fill(path);
    over.stroke(path);
  }
  over.globalCompositeOperation = "source-in";
  drawCoarse(over, rect, picture, REDACT_SHARE, false);
  pen.save();
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.drawImage(layer, 0, 0);
  pen.restore();
}

/** The picture with few pixels: in blocks, or smoothed. */
function drawCoarse(pen, { left, top, width, height }, picture, share, smooth) {
  const columns = Math.max(8, Math.round(sizeOf(picture)[0] * share));
  const rows = Math.max(5, Math.round((columns * height) / width));
  Object.assign(small, { width: columns, height: rows });
  const sketch = small.getContext("2d");
  sketch.imageSmoothingQuality = "high";
  sketch.drawImage(picture, 0, 0, columns, rows);
  pen.imageSmoothingEnabled = smooth;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, left, top, width, height);
  pen.imageSmoothingEnabled = true;
}

function sizeOf(picture) {
  return [picture.videoWidth || picture.naturalWidth || picture.width, picture.videoHeight || picture.naturalHeight || picture.height];
}

/** Names beside their objects, none over another. */
function paintTags(pen, rect, scale, drawn, look) {
  pen.font = `600 ${TAG_PX}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  const height = TAG_PX + 7;
  const taken = [];
  for (const { object } of drawn) {
    const words = look.nameOf(object);
    const width = pen.measureText(words).width + 12;
    const [x0, y0, , y1] = object.box;
    const left = clamp(rect.left + x0 * scale, rect.left, rect.left + rect.width - width);
    const away = object.id === look.selected ? SELECTED_MARGIN_PX : 4;
    const above = rect.top + y0 * scale - height - away;
    const below = rect.top + y1 * scale + away;
    const tops = [above, below, above - height - 2, below + height + 2, above - 2 * height - 4];
    const top = tops.find((one) => one >= rect.top && one + height <= rect.top + rect.height && isFree(taken, left, one, width, height)) ?? clamp(above, rect.top, rect.top + rect.height - height);
    taken.push([left, top, left + width, top + height]);
    pen.fillStyle = "rgb(13 17 23 / .82)";
    pen.beginPath();
    pen.roundRect(left, top, width, height, 5);
    pen.fill();
    pen.fillStyle = look.colourOf(object);
    pen.fillRect(left, top + 3, 3, height - 6);
    pen.fillStyle = "#eef2f6";
    pen.fillText(words, left + 8, top + height / 2 + 0.5);
  }
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

const isFree = (taken, left, top, width, height) =>
  taken.every(([x0, y0, x1, y1]) => left + width <= x0 || left >= x1 || top + height <= y0 || top >= y1);

/** Where objects came from: lines that fade towards the past. @param trails by id, points [x, y] of the frame, oldest first */
export function paintTrails(pen, rect, width, trails, colourOf) {
  const scale = rect.width / width;
  pen.lineCap = pen.lineJoin = "round";
  for (const [id, points] of trails) {
    for (let at = 1; at < points.length; at++) {
      const share = at / points.length;
      pen.globalAlpha = 0.15 + 0.75 * share;
      pen.strokeStyle = colourOf(id);
      pen.lineWidth = 1 + 3 * share;
      pen.beginPath();
      pen.moveTo(rect.left + points[at - 1][0] * scale, rect.top + points[at - 1][1] * scale);
      pen.lineTo(rect.left + points[at][0] * scale, rect.top + points[at][1] * scale);
      pen.stroke();
    }
  }
  pen.globalAlpha = 1;
}

/** Zones and lines. @param rules [{ name, text, zone: whether it is closed, points in shares of the picture, active }] */
export function paintRules(pen, rect, rules) {
  pen.font = `600 ${TAG_PX}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  for (const rule of rules) {
    const places = rule.points.map(([x, y]) => [rect.left + x * rect.width, rect.top + y * rect.height]);
    const path = new Path2D();
    places.forEach(([x, y], at) => (at ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (rule.zone) path.closePath();
    const colour = rule.active ? "#e5b454" : "#cfd8e1";
    if (rule.zone) fill(pen, path, colour, rule.active ? 0.2 : 0.08);
    outline(pen, path, colour, false);
    const words = `${rule.name} · ${rule.text}`;
    const width = pen.measureText(words).width + 12;
    const left = clamp(places[0][0], rect.left, rect.left + rect.width - width);
    const top = clamp(places[0][1] - TAG_PX - 11, rect.top, rect.top + rect.height - TAG_PX - 7);
    pen.fillStyle = "rgb(13 17 23 / .82)";
    pen.fillRect(left, top, width, TAG_PX + 7);
    pen.fillStyle = colour;
    pen.fillText(words, left + 6, top + (TAG_PX + 7) / 2 + 0.5);
  }
}
