// What a worker does: fits networks, and looks into them. One that computes for long looks at its
// messages between chunks, so that it can be stopped.
import { load } from "./core.mjs";
import { ALPHA, CLASSES, Net, PIXELS } from "./networks.mjs";

const CHUNK = 1000;

let core;
const sets = {}; // name -> {train, test}, each {x, y, n}
let stopped = 0; // jobs up to this one are to end
const seen = {}; // settings -> network and readout that `look` uses: one a depth, and the useful
const kept = {}; // name -> network and readout of which a file may be asked

class Stopped extends Error {}

// Lets messages in, one of which may stop the job.
async function breath(job) {
  await new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
  if (job <= stopped) {
    throw new Stopped();
  }
}

// use(part of x, part of y, images in it) for chunks of a set.
async function chunks(job, set, use) {
  for (let start = 0; start < set.n; start += CHUNK) {
    await breath(job);
    const n = Math.min(CHUNK, set.n - start);
    use(set.x.subarray(start * PIXELS, (start + n) * PIXELS), set.y.subarray(start, start + n), n);
  }
}

class Fit {
  constructor(settings, kind) {
    this.net = new Net(core, settings);
    this.kind = kind;
    this.readouts = []; // by stage; those before the last may be empty
  }

  free() {
    this.readouts.forEach((readout) => readout && core.c.rp_readout_free(readout));
    this.net.free();
  }

  // Readouts of the last stage, or of each.
  async train(job, set, all, tell = () => {}) {
    const last = this.net.stages.length - 1;
    let done = 0;
    await chunks(job, set, (x, y, n) => {
      this.net.through(x, n, (features, m) => {
        if (all || m === last) {
          this.readouts[m] ??= core.readout(this.kind, features, CLASSES);
          core.add(this.readouts[m], features, y);
        }
      });
      done += n;
      tell(done);
    });
    for (const readout of this.readouts.filter(Boolean)) {
      await breath(job); // wide ones take seconds each
      core.solve(readout, ALPHA);
    }
  }

  // right[m]: images of the set that the readout of stage m gets right; told(right, images so far).
  async test(job, set, tell = () => {}) {
    const right = this.readouts.map(() => 0);
    let done = 0;
    await chunks(job, set, (x, y, n) => {
      this.net.through(x, n, (features, m) => {
        if (this.readouts[m]) {
          core.predict(this.readouts[m], features, n).forEach((c, s) => {
            right[m] += c === y[s] ? 1 : 0;
          });
        }
      });
      done += n;
      tell(right, done);
    });
    return right;
  }
}

function partOf(set, n) {
  return { x: set.x.subarray(0, n * PIXELS), y: set.y.subarray(0, n), n };
}

const jobs = {
  async start({ wasm }) {
    core = await load(wasm);
  },

  data({ name, train, test }) {
    sets[name] = { train, test };
  },

  // Accuracy behind each stage of a network, all in one pass.
  async accuracy({ job, settings, kind, data, all, keep }) {
    const { train, test } = sets[data];
    const begun = performance.now();
    const fit = new Fit(settings, kind);
    const total = train.n + test.n;
    let told = 0;
    const tell = (part) => {
      if (performance.now() - told > 50) {
        told = performance.now();
        postMessage({ job, part });
      }
    };
    try {
      await fit.train(job, train, all, (done) => tell({ share: done / total }));
      const right = await fit.test(job, test, (found, done) =>
        tell({ share: (train.n + done) / total, right: found, n: done }));
      const seconds = (performance.now() - begun) / 1000;
      if (keep) {
        kept[keep]?.free();
        kept[keep] = fit;
      }
      return { right, n: test.n, seconds, outputs: fit.net.outputs() };
    } finally {
      if (kept[keep] !== fit) {
        fit.free();
      }
    }
  },

  // Images that the class means of their pixels get right.
  async pixels({ job, data }) {
    const { train, test } = sets[data];
    let readout;
    let right = 0;
    const through = (set, use) =>
      chunks(job, set, (x, y, n) => {
        const features = core.bytes(x, n);
        readout ??= core.readout("centroids", features, CLASSES);
        use(features, y, n);
        core.c.rp_features_free(features);
      });
    try {
      await through(train, (features, y) => core.add(readout, features, y));
      await through(test, (features, y, n) => {
        core.predict(readout, features, n).forEach((c, s) => {
          right += c === y[s] ? 1 : 0;
        });
      });
    } finally {
      core.c.rp_readout_free(readout ?? 0);
    }
    return { right, n: test.n };
  },

  // The model file of what an earlier job kept.
  file({ name }) {
    const fit = kept[name];
    return { file: fit.net.file(fit.readouts.at(-1), fit.kind) };
  },

  // The integers of what an earlier job kept, as text.
  sums({ name }) {
    const fit = kept[name];
    const readout = fit.readouts.at(-1);
    const d = fit.net.outputs();
    return {
      counts: core.numbers(readout, "counts", CLASSES * d).join(" "),
      gram: fit.kind === "centroids" ? "" : core.numbers(readout, "gram", d * d).join(" "),
    };
  },

  // What becomes of each of some images: features by stage, and scores behind the last.
  async look({ images, settings, kind, data }) {
    const key = JSON.stringify([settings, kind, data]);
    if (!(key in seen)) {
      const fit = new Fit(settings, kind);
      await fit.train(Infinity, sets[data].train, false);
      seen[key] = fit;
    }
    const { net, readouts } = seen[key];
    const found = images.map((x) => {
      const stages = [];
      let scores;
      net.through(x, 1, (features, m) => {
        stages.push({
          row: core.row(features, 0), width: core.width(features), bytes: core.areBytes(features),
        });
        if (m === net.stages.length - 1) {
          scores = core.scores(readouts[m], features, 1, CLASSES);
        }
      });
      return { stages, scores };
    });
    return { images: found };
  },

  // The bits behind a stage of units at every place, for one image.
  maps({ images, settings }) {
    const key = JSON.stringify(settings);
    if (!(key in seen)) {
      seen[key] = new Fit(settings, "centroids");
    }
    let row;
    seen[key].net.through(images[0], 1, (features) => {
      row = core.row(features, 0);
    });
    return { row };
  },

  // The means of the classes as images.
  means({ data }) {
    const { train } = sets[data];
    const sums = new Float64Array(CLASSES * PIXELS);
    const n = new Float64Array(CLASSES);
    train.y.forEach((c, s) => {
      n[c] += 1;
      for (let k = 0; k < PIXELS; ++k) {
        sums[c * PIXELS + k] += train.x[s * PIXELS + k];
      }
    });
    return { means: sums.map((sum, at) => sum / n[Math.floor(at / PIXELS)]) };
  },
};

// Jobs are done one after the other. A stop passes them, and ends those that compute.
let line = Promise.resolve();
onmessage = ({ data: message }) => {
  if (message.what === "stop") {
    stopped = message.job;
    return;
  }
  line = line.then(async () => {
    try {
      postMessage({ job: message.job, done: (await jobs[message.what](message)) ?? {} });
    } catch (error) {
      const isStop = error instanceof Stopped;
      postMessage({ job: message.job, failed: isStop ? "stopped" : String(error.message ?? error) });
    }
  });
};
