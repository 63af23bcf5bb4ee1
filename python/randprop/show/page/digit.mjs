// Ink as MNIST has it: in a box of 20 x 20 pixels, its centre of mass in the middle of 28 x 28.

export const SIDE = 28;
const BOX = 20;
const FAINT = 16; // of 255: less is no ink
const CONTRAST = 32; // of 255: ink stands out so far from its background, noise does not

// gray: width x height values of 0 to 255, ink bright. Returns 28 x 28 bytes, all 0 without ink.
export function digitOf(gray, width, height) {
  const digit = new Uint8Array(SIDE * SIDE);
  let left = width, right = -1, top = height, bottom = -1;
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      if (gray[y * width + x] >= FAINT) {
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = y;
      }
    }
  }
  if (right < 0) {
    return digit;
  }
  const w = right - left + 1, h = bottom - top + 1;
  const step = Math.max(w, h) / BOX; // pixels of the ink a pixel of the box
  const columns = Math.max(1, Math.round(w / step)), rows = Math.max(1, Math.round(h / step));
  const small = new Float64Array(columns * rows);
  let mass = 0, massX = 0, massY = 0;
  for (let y = 0; y < rows; ++y) {
    for (let x = 0; x < columns; ++x) {
      const value = mean(gray, width, left + (x * w) / columns, left + ((x + 1) * w) / columns,
        top + (y * h) / rows, top + ((y + 1) * h) / rows);
      small[y * columns + x] = value;
      mass += value;
      massX += value * (x + 0.5);
      massY += value * (y + 0.5);
    }
  }
  const shift = (moment, size) =>
    Math.min(Math.max(Math.round(SIDE / 2 - moment / mass), 0), SIDE - size);
  const toX = shift(massX, columns), toY = shift(massY, rows);
  for (let y = 0; y < rows; ++y) {
    for (let x = 0; x < columns; ++x) {
      digit[(toY + y) * SIDE + toX + x] = Math.round(small[y * columns + x]);
    }
  }
  return digit;
}

// Of the values in a rectangle, pixels at its edges by the share that is inside.
function mean(gray, width, x0, x1, y0, y1) {
  let sum = 0, area = 0;
  for (let y = Math.floor(y0); y < y1; ++y) {
    const tall = Math.min(y + 1, y1) - Math.max(y, y0);
    for (let x = Math.floor(x0); x < x1; ++x) {
      const share = tall * (Math.min(x + 1, x1) - Math.max(x, x0));
      sum += share * gray[y * width + x];
      area += share;
    }
  }
  return sum / area;
}

// RGBA of a picture as ink: bright on dark whatever it was, without its background, all 0 where
// nothing stands out.
export function inkOf(rgba, width, height) {
  const gray = new Float64Array(width * height);
  const alpha = new Float64Array(width * height);
  for (let i = 0; i < gray.length; ++i) {
    const [r, g, b, a] = rgba.subarray(4 * i, 4 * i + 4);
    gray[i] = 255 - (255 - (0.299 * r + 0.587 * g + 0.114 * b)) * (a / 255);
    alpha[i] = a;
  }
  // What is drawn on nothing is ink, of whatever colour.
  const isOnNothing = groundOf(alpha, width, height) < 128;
  const ground = isOnNothing ? 0 : groundOf(gray, width, height);
  const values = isOnNothing ? alpha : gray;
  const [least, largest] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [255, 0]);
  const inverted = ground - least > largest - ground; // of whatever stands out more
  const away = values.map((value) => Math.max(inverted ? ground - value : value - ground, 0));
  const most = away.reduce((a, b) => Math.max(a, b), 0);
  // Shadows and paper go: what is below a third of the darkest ink.
  const ink = most < CONTRAST
    ? new Float64Array(away.length)
    : away.map((value) => (value < most / 3 ? 0 : Math.min(255, (255 * value) / most)));
  return { ink, inverted };
}

// The median of the values along the border.
function groundOf(values, width, height) {
  const border = [];
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; x += y === 0 || y === height - 1 ? 1 : Math.max(width - 1, 1)) {
      border.push(values[y * width + x]);
    }
  }
  border.sort((a, b) => a - b);
  return border[border.length >> 1];
}
