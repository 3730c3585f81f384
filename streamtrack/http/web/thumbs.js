// A small picture of an object, cut out of what is on the screen: for the list of events.

const MARGIN_SHARE = 0.25;
const HEIGHT_PX = 72;
const MAX_WIDTH_PX = 120;

/**
 * @param surface { element, width, height } of the picture, see Screen
 * @param frame [width, height] of the stream's frames in pixels
 * @param box x0, y0, x1, y1 in pixels of the frame
 * @returns JPEG in base64; nothing where there is no picture
 */
export function thumbnail({ element, width, height }, frame, box) {
  if (!width || !height || frame === null || box === null) return undefined;
  const scale = width / frame[0];
  const margin = MARGIN_SHARE * Math.max(box[2] - box[0], box[3] - box[1]);
  const x0 = Math.max(0, box[0] - margin) * scale;
  const y0 = Math.max(0, box[1] - margin) * scale;
  const x1 = Math.min(width, (box[2] + margin) * scale);
  const y1 = Math.min(height, (box[3] + margin) * scale);
  if (x1 - x0 < 2 || y1 - y0 < 2) return undefined;
  const shrink = Math.min(HEIGHT_PX / (y1 - y0), MAX_WIDTH_PX / (x1 - x0));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.max(1, Math.round((x1 - x0) * shrink)), height: Math.max(1, Math.round((y1 - y0) * shrink)) });
  canvas.getContext("2d").drawImage(element, x0, y0, x1 - x0, y1 - y0, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8).split(",")[1];
}
