// The sections that compute: the paper's figure, the ladder of changes, the device.
import { drawChart } from "./chart.mjs";
import {
  BITS, byId, FACTS, INPUTS, ITOH, loadAll, offer, page, say, settings, slider, Stopped, WIDTHS,
  writeAddress,
} from "./common.mjs";

// Curves in the figure: {name, key, values, style}; `values` by hidden layers.
const curves = [];
let baseline = {}; // data -> accuracy of class means of pixels

const percent = (share) => Math.round(100 * share);

export function startPaper() {
  const shows = [
    slider("layers", "layers", Array.from({ length: 16 }, (_, i) => i), String, draw),
    slider("width", "width", WIDTHS, String, draw),
    slider("bits", "bits", BITS, String, draw),
    slider("inputs", "inputs", INPUTS, (n) => (n === 0 ? say("paper.inputs.all") : String(n)), draw),
  ];
  const form = byId("settings");
  const boxes = [...form.querySelectorAll('[name="readout"]')];
  const radios = [...form.querySelectorAll('[name="data"]')];
  byId("inside").textContent = say("paper.inside", { train: FACTS.n_train, test: FACTS.n_test });
  const show = () => {
    shows.forEach((one) => one());
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
      needData().then(() => draw(), () => {});
    }));
  byId("file").addEventListener("change", async ({ target }) => {
    byId("status").textContent = say("paper.loading");
    try {
      await loadAll(target.files[0]);
      byId("choose").hidden = true;
      byId("status").textContent = "";
    } catch {
      byId("status").textContent = say("paper.wrong");
    }
    draw();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("stop").addEventListener("click", () => page.compute.stop());
  byId("reset").addEventListener("click", () => {
    Object.assign(settings, ITOH);
    writeAddress();
    show();
  });
  byId("erase").addEventListener("click", () => {
    curves.length = 0;
    draw();
  });
  new ResizeObserver(() => draw()).observe(byId("chart").parentElement);
  return show;
}

// The data that are chosen, loaded; an error where the reader must choose the file.
async function needData() {
  if (settings.data === "inside" || page.sets.all) {
    byId("choose").hidden = true;
    return;
  }
  const status = byId("status");
  status.textContent = say("paper.loading");
  try {
    if (location.protocol === "file:") { // where a browser lets a page read nothing by itself
      throw new Error(say("paper.choose"));
    }
    await loadAll();
    status.textContent = "";
  } catch (error) {
    byId("choose").hidden = false;
    status.textContent = "";
    throw error;
  }
}

// While one section computes, the others wait.
function busy(is, stop) {
  ["start", "climb", "fit"].forEach((id) => {
    byId(id).disabled = is;
  });
  ["stop", "halt"].forEach((id) => {
    byId(id).disabled = !(is && id === stop);
  });
  document.documentElement.dataset.busy = is ? "1" : "0";
}

async function run() {
  const status = byId("status");
  const bar = byId("progress");
  busy(true, "stop");
  try {
    await needData();
    await pixels();
    const { layers, width, bits, inputs, activation, seed, data } = settings;
    for (const kind of settings.readouts.split(",")) {
      const readout = say(`paper.${kind}`);
      const curve = { name: nameOf(kind), kind, width, inputs, values: [], style: ["centroids", "ridge", "neighbors"].indexOf(kind), data, seed };
      const { right, n, seconds } = await page.compute.ask("accuracy", {
        settings: { kind: "paper", layers, width, bits, activation, seed, inputs }, kind, data, all: true,
      }, ({ share, right: so_far, n: done }) => {
        bar.value = share;
        status.textContent = say("paper.running", { readout, percent: percent(share) });
        if (so_far) {
          curve.values = so_far.map((r) => r / done);
          draw(curve);
        }
      });
      curve.values = right.map((r) => r / n);
      curve.right = right;
      curve.n = n;
      const same = curves.findIndex((one) => one.name === curve.name);
      curves.splice(same < 0 ? curves.length : same, same < 0 ? 0 : 1, curve);
      bar.value = 1;
      status.textContent = say("paper.done", {
        readout, layers, n: n + page.sets[data].train.n, seconds: seconds.toFixed(2),
      });
      draw();
    }
  } catch (error) {
    bar.value = 0;
    if (error instanceof Stopped) {
      status.textContent = say("paper.stopped");
    } else if (byId("choose").hidden) {
      status.textContent = error.message;
    }
    draw();
  }
  busy(false);
}

// What distinguishes a curve, in few words.
function nameOf(kind) {
  const { width, bits, inputs, activation, seed, data } = settings;
  const parts = [say(`paper.${kind}`), width, `${bits} bit`];
  if (inputs) {
    parts.push(`${inputs} inputs`);
  }
  parts.push(activation);
  if (seed) {
    parts.push(`seed ${seed}`);
  }
  if (data === "all") {
    parts.push("MNIST");
  }
  return parts.join(", ");
}

async function pixels() {
  const { data } = settings;
  if (!(data in baseline)) {
    const { right, n } = await page.compute.ask("pixels", { data });
    baseline[data] = right / n;
  }
}

export function draw(running) {
  const { width, activation, inputs, data } = settings;
  const isCurve = running?.values !== undefined;
  const all = isCurve ? [...curves.filter((one) => one.name !== running.name), running] : curves;
  const depths = Math.max(settings.layers, ...all.map((one) => one.values.length - 1), 1);
  const lines = [{ name: say("paper.chance"), value: 0.1 }];
  if (data in baseline) {
    lines.push({ name: say("paper.pixels"), value: baseline[data] });
  }
  // Styles tell readouts apart, and curves of one readout by the order they came in.
  const taken = new Set();
  const styled = all.map((one) => {
    let { style } = one;
    while (taken.has(style) && taken.size < 4) {
      style = (style + 1) % 4;
    }
    taken.add(style);
    return { ...one, style };
  });
  drawChart(byId("chart"), {
    title: say("paper.chart"), x: say("paper.chart.x"), y: say("paper.chart.y"), depths,
    curves: styled, lines, theory: inputs === 0 ? FACTS.theory[activation][width] : undefined,
    theoryName: `${say("paper.theory")}, ${width}, ${activation}`,
  });
  if (!isCurve) {
    showNumbers();
  }
}

function row(cells, kind = "td") {
  const line = document.createElement("tr");
  cells.forEach((text, i) => {
    const cell = document.createElement(i === 0 || kind === "th" ? "th" : kind);
    cell.scope = kind === "th" ? "col" : "row";
    if (cell.tagName === "TD") {
      cell.removeAttribute("scope");
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
  byId("halt").addEventListener("click", () => page.compute.stop());
  return show;
}

async function climb() {
  const lines = [...byId("ladder").querySelector("tbody").rows];
  const status = byId("climbing");
  busy(true, "halt");
  status.textContent = "";
  lines.forEach((line) => {
    line.querySelector(".bar > span").style.width = "0";
    [line.querySelector(".share"), line.cells[1], line.cells[3]].forEach((cell) => {
      cell.textContent = "";
    });
  });
  try {
    const { data } = settings;
    await needData();
    for (const [i, [network, kind]] of steps().entries()) {
      const line = lines[i];
      const { right, n, seconds, outputs } = await page.compute.ask("accuracy",
        { settings: network, kind, data, all: false },
        ({ share }) => {
          status.textContent = `${percent(share)} %`;
        });
      const share = right.at(-1) / n;
      line.querySelector(".bar > span").style.width = `${100 * share}%`;
      line.querySelector(".share").textContent = `${share.toFixed(data === "all" ? 4 : 3)} `;
      line.cells[2].title = say("useful.right", { right: right.at(-1), n });
      line.cells[1].textContent = outputs;
      line.cells[3].textContent = seconds.toFixed(2);
    }
    status.textContent = "";
  } catch (error) {
    status.textContent = error instanceof Stopped ? say("paper.stopped") : error.message;
  }
  busy(false);
}

export function startDevice() {
  const show = slider("units", "units", FACTS.costs.map((one) => one.channels), String, () => {
    showCosts();
    byId("download").disabled = true;
    byId("fitted").textContent = "";
  });
  byId("fit").addEventListener("click", async () => {
    busy(true);
    try {
      const { right, n } = await page.compute.ask("accuracy", {
        settings: { kind: "patches", channels: settings.units, few: true, counts: true, seed: 0 },
        kind: "discriminant", data: "inside", all: false, keep: "device",
      });
      byId("fitted").textContent = say("device.fitted", { train: FACTS.n_train, right: right.at(-1), n });
      byId("download").disabled = false;
    } catch (error) {
      byId("fitted").textContent = error.message;
    }
    busy(false);
  });
  byId("download").addEventListener("click", async () => {
    offer((await page.compute.ask("file", { name: "device" })).file, "digits.safetensors");
  });
  byId("means-file").addEventListener("click", async () => {
    const { width, bits, activation, seed, inputs } = settings;
    busy(true);
    try {
      await page.compute.ask("accuracy", {
        settings: { kind: "paper", layers: settings.depth, width, bits, activation, seed, inputs },
        kind: "centroids", data: "inside", all: false, keep: "paper",
      });
      offer((await page.compute.ask("file", { name: "paper" })).file, "paper.safetensors");
    } catch (error) {
      byId("fitted").textContent = error.message;
    }
    busy(false);
  });
  return () => {
    show();
    showCosts();
  };
}

function showCosts() {
  const cost = FACTS.costs.find((one) => one.channels === settings.units);
  const number = (value) => value.toLocaleString(document.documentElement.lang);
  byId("costs").caption.textContent = say("device.caption", {
    channels: cost.channels, features: 4 * cost.channels, bytes: number(cost.bytes),
  });
  byId("costs").querySelector("tbody").replaceChildren(
    ...cost.processors.map(({ name, code, stack, time, unit }) =>
      row([name, number(code), number(stack), `${number(time)} ${say(`device.${unit}`)}`])));
}
