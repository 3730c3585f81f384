// Masks as the server sends them: COCO's compressed run lengths, down the columns of the frame.

/** The run lengths in COCO's compressed counts: off, on, off, ... */
export function runsOf(counts) {
  const runs = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more && at < counts.length) {
      const group = counts.charCodeAt(at++) - 48;
      value |= (group & 31) << shift;
      shift += 5;
      more = (group & 32) !== 0;
      if (!more && group & 16) value |= -1 << shift;
    }
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** The part of a mask inside its box, painted in one colour ([r, g, b]) on a canvas of the box's size. */
export function paintMask({ mask, box: [x0, y0, x1, y1] }, [red, green, blue]) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.max(1, x1 - x0), Math.max(1, y1 - y0)];
  const pen = canvas.getContext("2d");
  const picture = pen.createImageData(canvas.width, canvas.height);
  const height = mask.size[0];
  let at = 0;
  let on = false;
  for (const run of runsOf(mask.counts)) {
    for (let end = at + run; on && at < end; at++) {
      const [x, y] = [Math.floor(at / height) - x0, (at % height) - y0];
      if (x >= 0 && y >= 0 && x < canvas.width && y < canvas.height) {
        picture.data.set([red, green, blue, 255], 4 * (y * canvas.width + x));
      }
    }
    if (!on) at += run;
    on = !on;
  }
  pen.putImageData(picture, 0, 0);
  return canvas;
}
