// node known_answers.mjs randprop.wasm: its bits are those of tests/data, its readouts
// tell apart what is told apart by hand, its size what a page may load.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { load } from "../../cpp/wasm/randprop.mjs";

const bytes = readFileSync(process.argv[2]);
const data = (name) => {
  const text = readFileSync(new URL(`../data/${name}`, import.meta.url), "utf8");
  // Seeds have 64 bits, which numbers of JavaScript have not.
  return JSON.parse(text.replace(/"seed":\s*(\d+)/g, '"seed": "$1"'));
};
const core = await load(bytes);

function inputs(kind, n, features) {
  const x = new Uint8Array(n * features);
  for (let s = 0; s < n; ++s) {
    for (let k = 0; k < features; ++k) {
      const dense = (31 * s + 7 * k + ((s * k) % 13)) % 256;
      x[s * features + k] =
        kind === "full" ? 255 : kind === "sparse" && (s + k) % 5 !== 0 ? 0 : dense;
    }
  }
  return x;
}

function check(name, answer, network, stages) {
  const x = inputs(answer.input, answer.n_samples, answer.n_features);
  const features = core.propagate(network, x, answer.n_samples, stages);
  const hex = answer.rows.map((_, s) => Buffer.from(core.row(features, s)).toString("hex"));
  answer.rows.forEach((row, s) => {
    assert.equal(hex[s].slice(0, row.length), row, `${name}, sample ${s}`);
    assert.match(hex[s].slice(row.length), /^0*$/, `${name}, sample ${s}: bits past the last`);
  });
  core.c.rp_features_free(features);
}

let checked = 0;
for (const answer of data("known_answers.json").networks) {
  const network = core.network({
    features: answer.n_features,
    sign: answer.activation === "sign",
    seed: BigInt(answer.seed),
    stages: answer.widths.map((units) => ({ map: "dense", units, weight_bits: answer.weight_bits })),
  });
  answer.outputs.forEach((rows, m) => {
    check(`widths ${answer.widths}`, { ...answer, rows }, network, m + 1);
    ++checked;
  });
  core.c.rp_network_free(network);
}

for (const answer of data("known_stages.json").stages) {
  if (answer.calibrate_samples !== undefined) {
    continue; // thresholds are calibrated in Python
  }
  const parts = answer.stages ?? [answer];
  const shape = answer.input_shape ?? [0, 0, 0];
  const network = core.network({
    features: answer.n_features,
    sign: answer.activation === "sign",
    seed: BigInt(answer.seed),
    image: shape.length === 2 ? [shape[0], 1, shape[1]] : shape,
    stages: parts.map((part) => ({
      ...part,
      map: part.stage,
      units: part.units ?? part.channels,
      dilation: part.dilation === "log" ? 0 : part.dilation,
    })),
  });
  check(answer.about, { ...answer, rows: answer.outputs }, network, parts.length);
  core.c.rp_network_free(network);
  ++checked;
}

// Two classes told apart by their first feature, a third without samples.
const x = Uint8Array.from([9, 1, 8, 3, 7, 2, 1, 2, 2, 1, 0, 3]);
const codes = [0, 0, 0, 1, 1, 1];
const raw = core.featuresOfBytes(x, 6);
for (const kind of ["centroids", "ridge", "discriminant"]) {
  const readout = core.fit(kind, raw, codes, 3, 0.01);
  assert.deepEqual([...core.predict(readout, raw, 6)], codes, kind);
  assert.equal(core.accuracy(readout, raw, [0, 0, 0, 1, 1, 0]), 5 / 6, kind);
  core.c.rp_readout_free(readout);
}
assert.throws(() => core.fit("ridge", raw, codes, 3, 0), /alpha must be above 0/);
assert.throws(() => core.fit("centroids", raw, codes, 1), /class|code/);
assert.throws(() => core.network({ features: 0, stages: [{ map: "dense", units: 3 }] }), /./);

const size = gzipSync(bytes, { level: 9 }).length;
assert.ok(size <= 100_000, `${size} bytes of gzip, more than 100,000`);
console.log(`${checked} known answers equal; ${size} bytes of gzip`);
