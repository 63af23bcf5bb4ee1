// Bits, counts and digits on canvases, in the colours of the page.

// The colours of the theme in use, as red, green and blue.
export function colours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const found = ["clear", "set", "on", "off"].map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color.match(/\d+/g).slice(0, 3).map(Number)];
  });
  probe.remove();
  return Object.fromEntries(found);
}

// value(x, y) gives the colour of each pixel.
export function paint(canvas, width, height, value) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0, at = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x, at += 4) {
      const [r, g, b] = value(x, y);
      image.data[at] = r;
      image.data[at + 1] = g;
      image.data[at + 2] = b;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

export const mixed = (low, high, share) => low.map((v, i) => Math.round(v + share * (high[i] - v)));

export const bitOf = (row, j) => (row[j >> 3] >> (j & 7)) & 1;

// A row of bits as a square; those that differ from another row in two more colours.
export function paintBits(canvas, row, width, before, palette) {
  const side = Math.ceil(Math.sqrt(width));
  paint(canvas, side, Math.ceil(width / side), (x, y) => {
    const j = y * side + x;
    if (j >= width) {
      return palette.clear;
    }
    const bit = bitOf(row, j);
    if (before && bit !== bitOf(before, j)) {
      return bit ? palette.on : palette.off;
    }
    return bit ? palette.set : palette.clear;
  });
}

export function countBits(row, width, before) {
  let set = 0, changed = 0;
  for (let j = 0; j < width; ++j) {
    const bit = bitOf(row, j);
    set += bit;
    changed += before && bit !== bitOf(before, j) ? 1 : 0;
  }
  return { set, changed };
}

// Maps of bits, channels last, of the first few channels in a grid with a pixel between.
export function paintMaps(canvas, row, side, channels, columns, rows, palette) {
  const cell = side + 1;
  const between = mixed(palette.clear, palette.set, 0.25);
  paint(canvas, columns * cell - 1, rows * cell - 1, (x, y) => {
    const c = Math.floor(y / cell) * columns + Math.floor(x / cell);
    const px = x % cell, py = y % cell;
    if (px === side || py === side) {
      return between;
    }
    return bitOf(row, (py * side + px) * channels + c) ? palette.set : palette.clear;
  });
}

// Counts of 2 x 2 windows, channels last: a square of four for each channel.
export function paintCounts(canvas, row, channels, most, palette) {
  const columns = Math.ceil(Math.sqrt(channels));
  const between = mixed(palette.clear, palette.set, 0.25);
  paint(canvas, 3 * columns - 1, 3 * Math.ceil(channels / columns) - 1, (x, y) => {
    const c = Math.floor(y / 3) * columns + Math.floor(x / 3);
    if (x % 3 === 2 || y % 3 === 2) {
      return between;
    }
    if (c >= channels) {
      return palette.clear;
    }
    return mixed(palette.clear, palette.set, row[((y % 3) * 2 + (x % 3)) * channels + c] / most);
  });
}

export function paintDigit(canvas, pixels, palette, largest = 255) {
  paint(canvas, 28, 28, (x, y) =>
    mixed(palette.clear, palette.set, Math.min(pixels[y * 28 + x] / largest, 1)));
}
