// The sections that compute: the paper's figure, the ladder of changes, the device.
import { drawChart, STYLES } from "./chart.mjs";
import {
  BITS, byId, FACTS, INPUTS, ITOH, loadAll, loadBeside, number, offer, page, READOUTS, say, settings, slider,
  Stopped, WIDTHS, writeAddress,
} from "./common.mjs";

// Curves in the figure: {name, values, style}; `values` by hidden layers, style a number of colours.
let curves = [];
let running; // the curve that is computed now
const baseline = {}; // data -> accuracy of class means of pixels

const percent = (share) => Math.round(100 * share);

export function startPaper() {
  const shows = [
    slider("layers", "layers", Array.from({ length: 16 }, (_, i) => i), number, draw),
    slider("width", "width", WIDTHS, number, draw),
    slider("bits", "bits", BITS, number, draw),
    slider("inputs", "inputs", INPUTS, (n) => (n === 0 ? say("paper.inputs.all") : number(n)), () => {
      showInputs();
      draw();
    }),
  ];
  // A unit of few inputs has weights of 1 and -1.
  const showInputs = () => {
    byId("bits").disabled = settings.inputs !== 0;
  };
  const form = byId("settings");
  const boxes = [...form.querySelectorAll('[name="readout"]')];
  const radios = [...form.querySelectorAll('[name="data"]')];
  byId("inside").textContent = say("paper.inside", { train: FACTS.n_train, test: FACTS.n_test });
  const show = () => {
    shows.forEach((one) => one());
    showInputs();
    byId("activation").value = settings.activation;
    byId("seed").value = settings.seed;
    boxes.forEach((box) => {
      box.checked = settings.readouts.split(",").includes(box.value);
    });
    radios.forEach((radio) => {
      radio.checked = settings.data === radio.value;
    });
    draw();
  };
  byId("activation").addEventListener("change", ({ target }) => {
    settings.activation = target.value;
    writeAddress();
    draw();
  });
  byId("seed").addEventListener("change", ({ target }) => {
    const seed = target.valueAsNumber;
    settings.seed = Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32 ? seed : 0;
    target.value = settings.seed;
    writeAddress();
  });
  boxes.forEach((box) =>
    box.addEventListener("change", () => {
      const chosen = boxes.filter((one) => one.checked).map((one) => one.value);
      if (chosen.length === 0) { // one must be
        box.checked = true;
        return;
      }
      settings.readouts = chosen.join(",");
      writeAddress();
    }));
  radios.forEach((radio) =>
    radio.addEventListener("change", () => {
      settings.data = radio.value;
      writeAddress();
      needData(settings.data).then(draw, () => {}); // what is to be done stands there now
      draw();
    }));
  byId("file").addEventListener("change", async ({ target }) => {
    if (target.files.length === 0) {
      return;
    }
    byId("status").textContent = say("paper.loading");
    try {
      await loadAll(target.files[0]);
      byId("choose").hidden = true;
      byId("status").textContent = "";
    } catch {
      byId("status").textContent = say("paper.wrong");
    }
    target.value = ""; // so that the same may be chosen again
    draw();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("stop").addEventListener("click", halt);
  byId("reset").addEventListener("click", () => {
    Object.assign(settings, ITOH);
    writeAddress();
    show();
  });
  byId("erase").addEventListener("click", () => {
    curves = [];
    draw();
  });
  new ResizeObserver(draw).observe(byId("chart").parentElement);
  return show;
}

// Loads the data that are chosen; an error where the reader must choose the file.
async function needData(data) {
  const choose = byId("choose");
  choose.hidden = true;
  if (page.sets[data]) {
    return;
  }
  const status = byId("status");
  status.textContent = say("paper.loading");
  try {
    await loadBeside();
  } catch {
    choose.hidden = false;
    throw new Error(say("paper.missing"));
  } finally {
    if (status.textContent === say("paper.loading")) { // a run may have written there
      status.textContent = "";
    }
  }
}

// While one section computes, the others wait.
export function busy(is, stop) {
  ["start", "climb", "fit", "means-file"].forEach((id) => {
    byId(id).disabled = is;
  });
  ["stop", "halt"].forEach((id) => {
    byId(id).disabled = !(is && id === stop);
  });
  document.documentElement.dataset.busy = is ? "1" : "0";
}

let halted = false; // Stop was pressed in the section that computes

function halt() {
  halted = true;
  page.compute.stop();
}

// An answer of the worker that computes; once Stop was pressed, nothing new is begun.
async function compute(what, message, part) {
  if (halted) {
    throw new Stopped();
  }
  return page.compute.ask(what, message, part);
}

// What a section does, and in `status` why it ended early. stop: its button for that.
async function section(status, stop, work) {
  halted = false;
  busy(true, stop);
  try {
    await work();
  } catch (error) {
    status.textContent = error instanceof Stopped ? say("paper.stopped") : error.message;
  }
  busy(false);
}

async function run() {
  const status = byId("status");
  const bar = byId("progress");
  const chosen = { ...settings }; // which the reader may change meanwhile
  bar.value = 0;
  status.textContent = "";
  await section(status, "stop", async () => {
    await needData(chosen.data);
    await pixels(chosen.data);
    for (const kind of chosen.readouts.split(",")) {
      await runOne(kind, chosen, status, bar);
    }
  });
  if (running) {
    bar.value = 0;
    running = undefined;
  }
  draw();
}

async function runOne(kind, chosen, status, bar) {
  const { layers, width, bits, inputs, activation, seed, data } = chosen;
  const readout = say(`paper.${kind}`);
  running = { name: nameOf(kind, chosen), data, values: [], style: READOUTS.indexOf(kind) };
  const { right, n, seconds } = await compute("accuracy", {
    settings: { kind: "paper", layers, width, bits, activation, seed, inputs }, kind, data, all: true,
  }, ({ share, right: soFar, n: done }) => {
    bar.value = share;
    status.textContent = say("paper.running", { readout, percent: percent(share) });
    if (soFar) {
      running.values = soFar.map((r) => r / done);
      draw();
    }
  });
  curves = joined(curves, { ...running, values: right.map((r) => r / n) });
  running = undefined;
  bar.value = 1;
  status.textContent = say("paper.done", {
    readout, layers, n: n + page.sets[data].train.n, seconds: seconds.toFixed(2),
  });
  draw();
}

// Curves with one more, or with it in place of the one of its name.
function joined(list, curve) {
  const at = list.findIndex((one) => one.name === curve.name);
  return at < 0 ? [...list, curve] : list.with(at, curve);
}

// What distinguishes a curve, in few words.
function nameOf(kind, { width, bits, inputs, activation, seed, data }) {
  return [
    say(`paper.${kind}`),
    number(width),
    inputs ? say("paper.short.inputs", { n: inputs }) : say("paper.short.bits", { n: bits }),
    say(`paper.short.${activation}`),
    ...(seed ? [say("paper.short.seed", { n: String(seed) })] : []),
    ...(data === "all" ? ["MNIST"] : []),
  ].join(", ");
}

async function pixels(data) {
  if (!(data in baseline)) {
    const { right, n } = await compute("pixels", { data });
    baseline[data] = right / n;
  }
}

function draw() {
  const { width, activation, inputs, data } = settings;
  const all = running?.values.length ? joined(curves, running) : curves;
  const depths = Math.max(settings.layers, ...all.map((one) => one.values.length - 1), 1);
  const lines = [{ name: say("paper.chance"), value: 0.1 }];
  if (data in baseline) {
    lines.push({ name: say("paper.pixels"), value: baseline[data] });
  }
  // Styles tell readouts apart, and curves of one readout by the order they came in. Where all are
  // taken, marks are hollow.
  const taken = Array(STYLES).fill(0);
  const styled = all.map((one) => {
    let { style } = one;
    while (taken[style] > Math.min(...taken)) {
      style = (style + 1) % STYLES;
    }
    return { ...one, style, isHollow: taken[style]++ % 2 === 1 };
  });
  const theory = inputs === 0 ? FACTS.theory[activation][width] : undefined;
  const note = byId("theory-note"); // the theory is for more images than those of some curves
  note.textContent = say("paper.note", { train: FACTS.n_train, test: FACTS.n_test });
  note.hidden = !theory || ![data, ...all.map((one) => one.data)].includes("inside");
  drawChart(byId("chart"), {
    title: say("paper.chart"), x: say("paper.chart.x"), y: say("paper.chart.y"), depths,
    curves: styled, lines, theory,
    theoryName: `${say("paper.theory")}, ${number(width)}, ${say(`paper.short.${activation}`)}`,
  });
  showNumbers();
}

function row(cells, kind = "td") {
  const line = document.createElement("tr");
  cells.forEach((text, i) => {
    const cell = document.createElement(i === 0 || kind === "th" ? "th" : kind);
    if (cell.tagName === "TH") {
      cell.scope = kind === "th" ? "col" : "row";
    }
    cell.textContent = text;
    line.append(cell);
  });
  return line;
}

function showNumbers() {
  const table = byId("numbers").querySelector("table");
  if (curves.length === 0) {
    table.replaceChildren(row([say("paper.empty")], "th"));
    return;
  }
  const most = Math.max(...curves.map((one) => one.values.length));
  table.replaceChildren(row([say("paper.column"), ...curves.map((one) => one.name)], "th"));
  for (let m = 0; m < most; ++m) {
    table.append(row([m, ...curves.map((one) => one.values[m]?.toFixed(4) ?? "")]));
  }
}

// The ladder: settings of each step.
const few = { kind: "patches", seed: 0 };
const steps = () => [
  [{ kind: "paper", layers: 0, width: 784, bits: 8, activation: "step", seed: 0, inputs: 0 }, "centroids"],
  [{ ...few, channels: 32, few: false, counts: false }, "centroids"],
  [{ ...few, channels: 32, few: true, counts: false }, "centroids"],
  [{ ...few, channels: settings.channels, few: true, counts: true }, "centroids"],
  [{ ...few, channels: settings.channels, few: true, counts: true }, "discriminant"],
];

export function startUseful() {
  const body = byId("ladder").querySelector("tbody");
  steps().forEach((_, i) => {
    const line = row([say(`useful.step.${i + 1}`), "", "", ""]);
    line.cells[2].innerHTML = '<span class="bar"><span></span></span><span class="share"></span>';
    body.append(line);
  });
  const show = slider("channels", "channels", FACTS.channels);
  byId("climb").addEventListener("click", climb);
  byId("halt").addEventListener("click", halt);
  return show;
}

async function climb() {
  const lines = [...byId("ladder").querySelector("tbody").rows];
  const status = byId("climbing");
  const { data } = settings;
  const networks = steps();
  status.textContent = "";
  lines.forEach((line) => {
    line.querySelector(".bar > span").style.width = "0";
    [line.querySelector(".share"), line.cells[1], line.cells[3]].forEach((cell) => {
      cell.textContent = "";
    });
  });
  await section(status, "halt", async () => {
    await needData(data);
    for (const [i, [network, kind]] of networks.entries()) {
      const line = lines[i];
      const { right, n, seconds, outputs } = await compute("accuracy",
        { settings: network, kind, data, all: false },
        ({ share }) => {
          status.textContent = `${percent(share)} %`;
        });
      const share = right.at(-1) / n;
      line.querySelector(".bar > span").style.width = `${100 * share}%`;
      line.querySelector(".share").textContent = `${share.toFixed(data === "all" ? 4 : 3)} `;
      line.cells[2].title = say("useful.right", { right: right.at(-1), n });
      line.cells[1].textContent = number(outputs);
      line.cells[3].textContent = seconds.toFixed(2);
    }
    status.textContent = "";
  });
}

let fitted; // the network of which there is a file: its units, and what is said of it

export function startDevice() {
  const status = byId("fitted");
  // The costs of the units that are chosen, and the file where it is of as many.
  const showUnits = () => {
    showCosts();
    const isThis = fitted?.units === settings.units;
    byId("download").disabled = !isThis;
    status.textContent = isThis ? fitted.told : "";
  };
  const show = slider("units", "units", FACTS.costs.map((one) => one.channels), number, showUnits);
  const give = async (name, file) => offer((await page.compute.ask("file", { name })).file, file);
  byId("fit").addEventListener("click", () => {
    const { units } = settings;
    section(status, "", async () => {
      const { right, n } = await compute("accuracy", {
        settings: { kind: "patches", channels: units, few: true, counts: true, seed: 0 },
        kind: "discriminant", data: "inside", all: false, keep: "device",
      });
      fitted = { units, told: say("device.fitted", { train: FACTS.n_train, right: right.at(-1), n }) };
      showUnits();
    });
  });
  byId("download").addEventListener("click", () => give("device", "digits.safetensors"));
  byId("means-file").addEventListener("click", () => {
    const { depth, width, bits, activation, seed, inputs } = settings;
    section(status, "", async () => {
      await compute("accuracy", {
        settings: { kind: "paper", layers: depth, width, bits, activation, seed, inputs },
        kind: "centroids", data: "inside", all: false, keep: "paper",
      });
      await give("paper", "paper.safetensors");
    });
  });
  return () => {
    show();
    showUnits();
  };
}

function showCosts() {
  const cost = FACTS.costs.find((one) => one.channels === settings.units);
  byId("costs").caption.textContent = say("device.caption", {
    channels: cost.channels, features: 4 * cost.channels, bytes: cost.bytes,
  });
  byId("costs").querySelector("tbody").replaceChildren(
    ...cost.processors.map(({ name, code, stack, time, unit }) =>
      row([name, number(code), number(stack), `${number(time)} ${say(`device.${unit}`)}`])));
}
