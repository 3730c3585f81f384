// What the page draws over the picture: where a click was, a box that is being drawn, the cross, the selected object.

export const COLOURS = { positive: "#4cc38a", negative: "#f2777a", box: "#6cb6ff", failed: "#8b98a5" };

const CORNER_SHARE = 0.28;
const CORNER_PX = [8, 26];
const MARGIN_PX = 7;

/** Draws a path twice: a dark halo, then the colour. Readable on any picture. */
function stroke(pen, colour, width, path) {
  for (const [style, line] of [["rgb(8 10 14 / .75)", width + 2.5], [colour, width]]) {
    pen.strokeStyle = style;
    pen.lineWidth = line;
    pen.beginPath();
    path();
    pen.stroke();
  }
}

/** Where a click was; `age` in ms lets it shrink into its place. */
export function drawPoint(pen, [x, y], colour, negative, age) {
  const grown = Math.min(1, age / 220);
  stroke(pen, colour, 2, () => pen.arc(x, y, 22 - 11 * grown, 0, 2 * Math.PI));
  stroke(pen, colour, 2, () => {
    pen.moveTo(x - 4, y);
    pen.lineTo(x + 4, y);
    if (negative) return;
    pen.moveTo(x, y - 4);
    pen.lineTo(x, y + 4);
  });
}

export function drawBox(pen, from, to, colour) {
  stroke(pen, colour, 1.5, () => pen.rect(from[0], from[1], to[0] - from[0], to[1] - from[1]));
}

/** A mask that is offered: its pixels, brightly. */
export function drawMask(pen, mask, [x0, y0, x1, y1]) {
  pen.globalAlpha = 0.85;
  pen.drawImage(mask, x0, y0, x1 - x0, y1 - y0);
  pen.globalAlpha = 1;
}

export function drawCross(pen, [x, y]) {
  stroke(pen, "#ffffff", 1.5, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + 4 * dx, y + 4 * dy);
      pen.lineTo(x + 13 * dx, y + 13 * dy);
    }
  });
}

/** Four corners around the selected object. */
export function drawSelection(pen, [x0, y0, x1, y1], colour) {
  const [left, top, right, bottom] = [x0 - MARGIN_PX, y0 - MARGIN_PX, x1 + MARGIN_PX, y1 + MARGIN_PX];
  const reach = (side) => Math.min(Math.max(side * CORNER_SHARE, CORNER_PX[0]), CORNER_PX[1], side / 2);
  const [across, down] = [reach(right - left), reach(bottom - top)];
  pen.lineJoin = "round";
  for (const [style, line] of [["rgb(8 10 14 / .75)", 7], ["#ffffff", 4.5], [colour, 2]]) {
    pen.strokeStyle = style;
    pen.lineWidth = line;
    pen.beginPath();
    for (const [x, y, dx, dy] of [[left, top, 1, 1], [right, top, -1, 1], [left, bottom, 1, -1], [right, bottom, -1, -1]]) {
      pen.moveTo(x + dx * across, y);
      pen.lineTo(x, y);
      pen.lineTo(x, y + dy * down);
    }
    pen.stroke();
  }
}

/** A zone or a line that is being drawn, its corners as client coordinates. */
export function drawSketch(pen, places, closed) {
  if (!places.length) return;
  pen.lineJoin = "round";
  const path = () => {
    pen.moveTo(...places[0]);
    for (const place of places.slice(1)) pen.lineTo(...place);
    if (closed && places.length > 2) pen.closePath();
  };
  pen.fillStyle = "rgb(108 182 255 / .18)";
  pen.beginPath();
  path();
  if (closed) pen.fill();
  stroke(pen, COLOURS.box, 2, path);
  for (const [x, y] of places) stroke(pen, "#ffffff", 2, () => pen.arc(x, y, 5, 0, 2 * Math.PI));
}
