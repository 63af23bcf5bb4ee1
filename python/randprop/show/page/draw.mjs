// The section where one draws: ink, pixels, and what becomes of their bits.
import { byId, FACTS, page, say, settings, slider, writeAddress } from "./common.mjs";
import { digitOf, inkOf } from "./digit.mjs";
import { colours, countBits, paintBits, paintCounts, paintDigit, paintMaps } from "./pictures.mjs";

const SIZE = 280;
const BRUSH = 20;
const USEFUL = 64; // units of the useful network here

let palette;
let digit = new Uint8Array(784);
const flipped = new Set();
let cursor = { x: SIZE / 2, y: SIZE / 2, down: false };
let pixel = 14 * 28 + 14;

const ink = byId("ink");
const grid = byId("pixels");
// What is drawn; what is shown has the brush on it.
const sheet = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
const pen = sheet.getContext("2d", { willReadFrequently: true });
Object.assign(pen, { lineWidth: BRUSH, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });

export function startDrawing() {
  const showDepth = slider("depth", "depth", [0, 1, 2, 3, 4, 5], String, look);
  listen();
  for (let c = 0; c < 10; ++c) {
    const item = document.createElement("li");
    item.innerHTML = `<canvas role="img"></canvas><span>${c}</span>`;
    byId("means").append(item);
    for (const list of ["paper-scores", "useful-scores"]) {
      const bar = document.createElement("li");
      bar.innerHTML = `<span>${c}</span><span class="bar"><span></span></span>`;
      byId(list).append(bar);
    }
  }
  return () => {
    showDepth();
    palette = colours();
    byId("example").value = settings.example;
    byId("example").max = FACTS.n_test - 1;
    showInk();
    look();
  };
}

// Colours changed.
export function repaint() {
  palette = colours();
  showInk();
  look();
  showMeans();
}

function listen() {
  const placeOf = (event, canvas) => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * SIZE) / box.width,
      y: ((event.clientY - box.top) * SIZE) / box.height,
    };
  };
  ink.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) { // a second finger, another button
      return;
    }
    ink.setPointerCapture(event.pointerId);
    Object.assign(cursor, placeOf(event, ink));
    stroke(cursor, cursor);
  });
  ink.addEventListener("pointermove", (event) => {
    if (ink.hasPointerCapture(event.pointerId)) {
      const to = placeOf(event, ink);
      stroke(cursor, to);
      Object.assign(cursor, to);
    }
  });
  ink.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 2 : 10;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key];
      const inside = (v) => Math.min(Math.max(v, BRUSH / 2), SIZE - BRUSH / 2);
      const to = { x: inside(cursor.x + step * dx), y: inside(cursor.y + step * dy) };
      if (cursor.down) {
        stroke(cursor, to);
      }
      Object.assign(cursor, to);
    } else if (event.key === " ") {
      cursor.down = !cursor.down;
      if (cursor.down) {
        stroke(cursor, cursor);
      }
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else {
      return;
    }
    event.preventDefault();
    showInk();
  });
  ["focus", "blur"].forEach((name) => ink.addEventListener(name, showInk));
  byId("clear").addEventListener("click", clear);

  grid.addEventListener("click", (event) => { // no touch that only scrolls
    const { x, y } = placeOf(event, grid);
    const cell = (v) => Math.min(Math.max(Math.floor((v * 28) / SIZE), 0), 27);
    pixel = cell(y) * 28 + cell(x);
    flip();
  });
  grid.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -28, ArrowDown: 28 };
    if (event.key in moves) {
      pixel = (pixel + moves[event.key] + 784) % 784;
      showPixels();
    } else if (event.key === "Enter" || event.key === " ") {
      flip();
    } else {
      return;
    }
    event.preventDefault();
  });
  ["focus", "blur"].forEach((name) => grid.addEventListener(name, showPixels));
  byId("unflip").addEventListener("click", () => {
    flipped.clear();
    look();
  });

  const example = byId("example");
  const go = (to) => {
    settings.example = ((to % FACTS.n_test) + FACTS.n_test) % FACTS.n_test;
    example.value = settings.example;
    writeAddress();
    showExample();
  };
  example.addEventListener("change", () => go(Math.trunc(example.valueAsNumber) || 0));
  byId("previous").addEventListener("click", () => go(settings.example - 1));
  byId("next").addEventListener("click", () => go(settings.example + 1));
  byId("picture").addEventListener("change", ({ target }) => {
    if (target.files.length) {
      readPicture(target.files[0]).finally(() => {
        target.value = "";
      });
    }
  });
}

function stroke(from, to) {
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
  byId("drawn").textContent = "";
  flipped.clear();
  showInk();
  readInk();
}

function clear() {
  pen.clearRect(0, 0, SIZE, SIZE);
  cursor.down = false;
  byId("drawn").textContent = "";
  digit = new Uint8Array(784);
  flipped.clear();
  showInk();
  look();
}

function readInk() {
  const { data } = pen.getImageData(0, 0, SIZE, SIZE);
  const gray = new Float64Array(SIZE * SIZE);
  for (let i = 0; i < gray.length; ++i) {
    gray[i] = data[4 * i + 3]; // white ink on nothing
  }
  digit = digitOf(gray, SIZE, SIZE);
  look();
}

async function readPicture(file) {
  const drawn = byId("drawn");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    drawn.textContent = say("draw.unreadable");
    return;
  }
  const scale = Math.min(1, SIZE / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high"; // thin strokes of a large picture
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { ink: gray, inverted } = inkOf(context.getImageData(0, 0, width, height).data, width, height);
  showGray(gray, width, height);
  digit = digitOf(gray, width, height);
  flipped.clear();
  const note = digit.every((value) => value === 0) ? "draw.blank" : inverted ? "draw.inverted" : "";
  drawn.textContent = note && say(note);
  look();
}

// The image of the settings, unless something was drawn before there were images.
export function showFirst() {
  if (digit.every((value) => value === 0)) {
    showExample();
  } else {
    look();
  }
}

export function showExample() {
  if (!page.sets.inside) {
    return;
  }
  const { x, y } = page.sets.inside.test;
  const at = settings.example;
  digit = x.slice(784 * at, 784 * (at + 1));
  flipped.clear();
  showGray(digit, 28, 28);
  byId("drawn").textContent = say("draw.label", { digit: y[at] });
  look();
}

// Ink of another size on the sheet, so that one can draw on.
function showGray(gray, width, height) {
  const image = new ImageData(width, height);
  gray.forEach((value, i) => image.data.set([255, 255, 255, value], 4 * i));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
  pen.clearRect(0, 0, SIZE, SIZE);
  const scale = SIZE / Math.max(width, height);
  pen.drawImage(canvas, (SIZE - scale * width) / 2, (SIZE - scale * height) / 2, scale * width, scale * height);
  showInk();
}

function css([r, g, b]) {
  return `rgb(${r} ${g} ${b})`;
}

function showInk() {
  const context = ink.getContext("2d");
  context.globalCompositeOperation = "source-over";
  context.clearRect(0, 0, SIZE, SIZE);
  context.drawImage(sheet, 0, 0);
  context.globalCompositeOperation = "source-in"; // white ink becomes that of the theme
  context.fillStyle = css(palette.set);
  context.fillRect(0, 0, SIZE, SIZE);
  context.globalCompositeOperation = "source-over";
  if (document.activeElement === ink) {
    context.beginPath();
    context.arc(cursor.x, cursor.y, BRUSH / 2, 0, 2 * Math.PI);
    context.strokeStyle = css(cursor.down ? palette.on : palette.off);
    context.lineWidth = 3;
    context.stroke();
  }
}

function flip() {
  if (!flipped.delete(pixel)) {
    flipped.add(pixel);
  }
  look();
}

function image() {
  const x = digit.slice();
  flipped.forEach((at) => {
    x[at] = 255 - x[at];
  });
  return x;
}

function showPixels() {
  const x = image();
  paintDigit(grid, x, palette);
  // Marks need more than a pixel of the canvas each.
  const scale = 10;
  const copy = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  copy.getContext("2d").drawImage(grid, 0, 0);
  grid.width = grid.height = 28 * scale;
  const context = grid.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(copy, 0, 0, grid.width, grid.height);
  const mark = (at, colour) => {
    context.strokeStyle = css(colour);
    context.lineWidth = 2;
    context.strokeRect((at % 28) * scale + 1, Math.floor(at / 28) * scale + 1, scale - 2, scale - 2);
  };
  flipped.forEach((at) => mark(at, x[at] > 127 ? palette.on : palette.off));
  if (document.activeElement === grid) {
    mark(pixel, palette.on);
  }
}

// One look at a time: what changes meanwhile is looked at next.
let looking = false;
let again = false;

export async function look() {
  if (!page.sets.inside) {
    return;
  }
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    do {
      again = false;
      await lookOnce();
    } while (again);
  } finally {
    looking = false;
  }
  document.documentElement.dataset.looked = String(Number(document.documentElement.dataset.looked ?? 0) + 1);
}

async function lookOnce() {
  const begun = performance.now();
  const images = flipped.size ? [image(), digit] : [image()];
  const common = { images, data: "inside" };
  const paper = { kind: "paper", layers: settings.depth, width: 784, bits: 8, activation: "step", seed: 0, inputs: 0 };
  const counted = { kind: "patches", channels: USEFUL, few: true, counts: true, seed: 0 };
  const [a, b, maps] = await Promise.all([
    page.look.ask("look", { ...common, settings: paper, kind: "centroids" }),
    page.look.ask("look", { ...common, settings: counted, kind: "discriminant" }),
    page.look.ask("maps", { images: images.slice(0, 1), settings: { ...counted, counts: false } }),
  ]);
  show(a.images, b.images, maps.row);
  performance.clearMeasures("look");
  performance.measure("look", { start: begun, end: performance.now() });
}

function show(paper, useful, maps) {
  showPixels();
  const isEmpty = image().every((value) => value === 0);
  const answers = [
    ["paper", paper[0].scores],
    ["useful", useful[0].scores],
  ].map(([name, scores]) => showScores(name, scores, isEmpty));
  byId("spoken").textContent = isEmpty
    ? say("draw.empty")
    : say("draw.spoken", { paper: answers[0], useful: answers[1] });
  showStages(paper);
  paintMaps(byId("maps"), maps, 22, USEFUL, 8, 2, palette);
  paintCounts(byId("counts"), useful[0].stages[0].row, USEFUL, 40, palette);
}

function showScores(name, scores, isEmpty) {
  const low = Math.min(...scores);
  const high = Math.max(...scores);
  const best = scores.indexOf(high);
  [...byId(`${name}-scores`).children].forEach((item, c) => {
    const share = isEmpty || high === low ? 0 : (scores[c] - low) / (high - low);
    item.querySelector(".bar > span").style.width = `${(100 * share).toFixed(1)}%`;
    item.classList.toggle("best", !isEmpty && c === best);
    item.title = say("draw.score", { digit: c, share: Math.round(100 * share) });
  });
  byId(`${name}-says`).textContent = isEmpty ? say("draw.nothing") : say("draw.says", { digit: best });
  return best;
}

function showStages(images) {
  const list = byId("stages");
  const [now, before] = images;
  const last = now.stages.length - 1;
  while (list.children.length > now.stages.length) {
    list.lastChild.remove();
  }
  now.stages.forEach(({ row, width }, m) => {
    let item = list.children[m];
    if (!item) {
      item = document.createElement("li");
      item.innerHTML = '<figure><canvas role="img"></canvas><figcaption><strong></strong><br><span></span></figcaption></figure>';
      list.append(item);
    }
    const other = before?.stages[m].row;
    const { set, changed } = countBits(row, width, other);
    const name = m === last ? say("draw.output") : say("draw.hidden", { m: m + 1 });
    const told = other ? say("draw.changed", { changed, width }) : say("draw.set", { set, width });
    const canvas = item.querySelector("canvas");
    paintBits(canvas, row, width, other, palette);
    canvas.setAttribute("aria-label", `${name}: ${told}`);
    item.querySelector("strong").textContent = name;
    item.querySelector("span").textContent = told;
  });
}

let means;
export async function showMeans() {
  if (!page.sets.inside) {
    return;
  }
  means ??= (await page.look.ask("means", { data: "inside" })).means;
  [...byId("means").children].forEach((item, c) => {
    const canvas = item.querySelector("canvas");
    paintDigit(canvas, means.subarray(784 * c, 784 * (c + 1)), palette);
    canvas.setAttribute("aria-label", String(c));
  });
}
