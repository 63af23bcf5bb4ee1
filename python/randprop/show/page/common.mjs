// What all parts of the page share: its text, its settings, its workers, its data.

export const byId = (id) => document.getElementById(id);
const jsonOf = (id) => JSON.parse(byId(id).textContent);
const TEXT = jsonOf("text");
export const FACTS = jsonOf("facts");

// A number as readers of the page's language write it: 8,000 in English.
export const number = (value) => value.toLocaleString(document.documentElement.lang);
const written = (value) => (typeof value === "number" ? number(value) : value);

// A line of the table of text, {names} filled in.
export const say = (key, values = {}) =>
  TEXT[key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? written(values[name]) : whole));

export const WIDTHS = [98, 196, 392, 784, 1568];
export const BITS = [1, 2, 4, 8];
export const INPUTS = [0, 2, 3, 4, 8, 16, 64];

// Every setting, as it stands in the address behind the name of a section. The paper's are Itoh's.
export const ITOH = { layers: 15, width: 784, bits: 8, inputs: 0, activation: "step", seed: 0, readouts: "centroids" };
const USUAL = { ...ITOH, data: "inside", depth: 2, example: 0, channels: 128, units: 32, theme: "auto" };
const ALLOWED = {
  layers: range(0, 15), width: WIDTHS, bits: BITS, inputs: INPUTS, activation: ["step", "sign"],
  data: ["inside", "all"], depth: range(0, 5), channels: FACTS.channels, units: FACTS.costs.map((c) => c.channels),
  theme: ["auto", "light", "dark"], example: range(0, FACTS.n_test - 1),
};
export const READOUTS = ["centroids", "ridge", "neighbors"];
export const settings = { ...USUAL };

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

// The section that the address names, and its settings; what is not allowed is left as usual.
export function readAddress() {
  const [section, query] = location.hash.slice(1).split("?");
  Object.assign(settings, USUAL);
  for (const [name, text] of new URLSearchParams(query ?? "")) {
    if (name === "readouts") {
      const known = text.split(",").filter((kind) => READOUTS.includes(kind));
      settings.readouts = known.length ? known.join(",") : USUAL.readouts;
    } else if (name === "seed") {
      settings.seed = /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : 0;
    } else if (name in ALLOWED) {
      const found = ALLOWED[name].find((value) => String(value) === text);
      settings[name] = found ?? USUAL[name];
    }
  }
  return section;
}

export function writeAddress(section = location.hash.slice(1).split("?")[0]) {
  const changed = Object.entries(settings).filter(([name, value]) => value !== USUAL[name]);
  const query = changed.length ? `?${new URLSearchParams(changed).toString().replaceAll("%2C", ",")}` : "";
  const hash = `#${section || "draw"}${query}`;
  if (hash !== location.hash) {
    history.replaceState(null, "", hash);
  }
}

export class Stopped extends Error {}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return inflated(new Blob([bytes]));
}

async function inflated(blob) {
  const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Sets as they are packed: numbers of images, then labels and pixels of each set.
function setsOf(bytes) {
  const view = new DataView(bytes.buffer);
  let at = 8;
  const take = (n) => bytes.subarray(at, (at += n));
  const [train, test] = [0, 4].map((place) => {
    const n = view.getUint32(place, true);
    return { n, y: take(n), x: take(784 * n) };
  });
  if (at !== bytes.length) {
    throw new Error("of another length");
  }
  return { train, test };
}

// A worker, asked by messages; each answer is that of a job with a number.
class Work {
  #jobs = new Map();
  #next = 1;

  constructor(source, wasm) {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(url);
    this.worker.onmessage = ({ data }) => {
      const { resolve, reject, part } = this.#jobs.get(data.job) ?? {};
      if (!resolve) {
        return;
      }
      if (data.part) {
        part(data.part);
        return;
      }
      this.#jobs.delete(data.job);
      if (data.done) {
        resolve(data.done);
      } else {
        reject(data.failed === "stopped" ? new Stopped() : new Error(data.failed));
      }
    };
    this.worker.onerror = (event) => {
      this.#jobs.forEach(({ reject }) => reject(new Error(event.message)));
      this.#jobs.clear();
    };
    this.ready = this.ask("start", { wasm });
  }

  ask(what, message = {}, part = () => {}) {
    const job = this.#next++;
    return new Promise((resolve, reject) => {
      this.#jobs.set(job, { resolve, reject, part });
      this.worker.postMessage({ ...message, what, job });
    });
  }

  // Ends what computes for one of the jobs so far.
  stop() {
    this.worker.postMessage({ what: "stop", job: this.#next - 1 });
  }
}

// One worker looks, while another may compute for long. sets: images inside the page, of all of
// MNIST, which the worker has, only the numbers.
export const page = { sets: {} };

export async function startWorkers() {
  const [wasm, digits] = await Promise.all([
    unpacked(byId("wasm").textContent), unpacked(byId("digits").textContent),
  ]);
  const source = byId("work").textContent;
  page.look = new Work(source, wasm);
  page.compute = new Work(source, wasm);
  await Promise.all([page.look.ready, page.compute.ready]);
  const inside = setsOf(digits);
  await Promise.all([page.look, page.compute].map((work) => work.ask("data", { name: "inside", ...inside })));
  page.sets.inside = inside;
}

// All of MNIST, from the file beside the page; who asks meanwhile waits for the same.
let loading;
export function loadBeside() {
  loading ??= beside().then(loadAll).finally(() => {
    loading = undefined;
  });
  return loading;
}

async function beside() {
  if (location.protocol === "file:") { // where a browser lets a page read nothing by itself
    throw new Error("opened as a file");
  }
  const answer = await fetch("mnist.bin.gz");
  if (!answer.ok) {
    throw new Error(answer.statusText);
  }
  return answer.blob();
}

// All of MNIST, from its file.
export async function loadAll(blob) {
  const sets = setsOf(await inflated(blob));
  if (sets.train.n !== 60000 || sets.test.n !== 10000) {
    throw new Error("of another number of images");
  }
  const taken = page.compute.ask("data", { name: "all", ...sets }); // after what it computes now
  document.documentElement.dataset.sent = "all";
  await taken;
  page.sets.all = { train: { n: sets.train.n }, test: { n: sets.test.n } };
}

// A slider over a list of values, bound to a setting.
export function slider(id, name, values, shown = number, changed = () => {}) {
  const input = byId(id);
  const output = document.querySelector(`output[for="${id}"]`);
  const show = () => {
    const value = settings[name];
    input.value = values.indexOf(value);
    output.textContent = shown(value);
    input.setAttribute("aria-valuetext", shown(value));
  };
  input.max = values.length - 1;
  input.addEventListener("input", () => {
    settings[name] = values[input.valueAsNumber];
    show();
    writeAddress();
    changed();
  });
  return show;
}

export function offer(bytes, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
