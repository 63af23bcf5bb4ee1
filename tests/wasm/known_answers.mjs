// node known_answers.mjs randprop.wasm: its bits are those of tests/data, its readouts
// tell apart what is told apart by hand, its size what a page may load.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { load } from "../../python/randprop/show/page/core.mjs";

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
  const input = core.bytes(x, answer.n_samples);
  const features = core.propagate(network, input, 0, stages);
  const hex = answer.rows.map((_, s) => Buffer.from(core.row(features, s)).toString("hex"));
  answer.rows.forEach((row, s) => {
    assert.equal(hex[s].slice(0, row.length), row, `${name}, sample ${s}`);
    assert.match(hex[s].slice(row.length), /^0*$/, `${name}, sample ${s}: bits past the last`);
  });
  core.c.rp_features_free(features);
  core.c.rp_features_free(input);
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

// Two classes told apart by their first feature, a third without samples; added in two parts.
const x = Uint8Array.from([9, 1, 8, 3, 7, 2, 1, 2, 2, 1, 0, 3]);
const codes = [0, 0, 0, 1, 1, 1];
const raw = core.bytes(x, 6);
const parts = [core.bytes(x.slice(0, 4), 2), core.bytes(x.slice(4), 4)];
for (const kind of ["centroids", "ridge", "discriminant"]) {
  const readout = core.readout(kind, raw, 3);
  core.add(readout, parts[0], codes.slice(0, 2));
  core.add(readout, parts[1], codes.slice(2));
  core.solve(readout, 0.01);
  assert.deepEqual([...core.predict(readout, raw, 6)], codes, kind);
  assert.deepEqual([...core.numbers(readout, "counts", 6)], [24n, 6n, 3n, 6n, 0n, 0n], kind);
  assert.deepEqual([...core.numbers(readout, "n_samples", 3)], [3n, 3n, 0n], kind);
  const scores = core.scores(readout, raw, 6, 3);
  assert.ok(codes.every((c, s) => scores[3 * s + c] > scores[3 * s + 1 - c]), kind);
  if (kind === "centroids") {
    assert.equal(scores[0], -2); // (9, 1) and the mean (8, 2)
    assert.throws(() => core.numbers(readout, "gram", 4), /no gram/);
  } else {
    assert.deepEqual([...core.numbers(readout, "gram", 4)], [199n, 51n, 51n, 28n], kind);
    assert.equal(core.numbers(readout, "coef", 6).length, 6);
  }
  core.c.rp_readout_free(readout);
}
const bits = core.bits(x, 6, 6); // 10 10 10 00 00 00
assert.deepEqual([0, 1, 2, 3, 4, 5].map((s) => core.row(bits, s)[0]), [1, 1, 1, 0, 0, 0]);
const nearest = core.readout("neighbors", bits, 2);
core.add(nearest, bits, codes);
assert.deepEqual([...core.predict(nearest, bits, 6)], codes);
assert.throws(() => core.scores(nearest, bits, 6, 2), /no scores/);
assert.throws(() => core.readout("neighbors", raw, 2), /neighbours read bits/);
const unsolved = core.readout("ridge", raw, 3);
core.add(unsolved, raw, codes);
assert.throws(() => core.predict(unsolved, raw, 6), /not solved/);
assert.throws(() => core.solve(unsolved, 0), /alpha must be above 0/);
assert.throws(() => core.add(unsolved, bits, codes), /of 2 bytes a row, got 2 bits/);
assert.throws(() => core.add(core.readout("centroids", raw, 1), raw, codes), /class|code/);
assert.throws(() => core.network({ features: 0, stages: [{ map: "dense", units: 3 }] }), /./);

const size = gzipSync(bytes, { level: 9 }).length;
assert.ok(size <= 100_000, `${size} bytes of gzip, more than 100,000`);
console.log(`${checked} known answers equal; ${size} bytes of gzip`);
