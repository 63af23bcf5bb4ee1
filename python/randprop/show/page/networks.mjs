// The networks of the page: what settings mean to the core, and to a model file.
import { modelFile, narrowed, real } from "./model_file.mjs";

export const CLASSES = 10;
const SIDE = 28;
export const PIXELS = SIDE * SIDE;
const KERNEL = 7;
const INK = 63; // a pixel above it, a quarter of the whole, is a set bit
export const ALPHA = 0.01; // of ridge and discriminant, in units of their mean diagonal

// settings: the paper's {kind: "paper", layers, width, bits, activation, seed, inputs}, where
// inputs 0 means all; or {kind: "patches", channels, few, counts, seed}.
export class Net {
  constructor(core, settings) {
    this.core = core;
    this.settings = settings;
    const seed = BigInt(settings.seed ?? 0);
    if (settings.kind === "paper") {
      const { layers, width, activation, inputs } = settings;
      this.stages = Array.from({ length: layers + 1 }, () => ({
        map: "dense", units: width, weight_bits: this.weightBits(), fan_in: inputs,
      }));
      this.pointer = core.network({
        features: PIXELS, stages: this.stages, sign: activation === "sign", seed,
      });
    } else {
      const { channels, few, counts } = settings;
      this.stages = [{
        map: "conv2d", units: channels, kernel: KERNEL, weight_bits: 8, fan_in: few ? 4 : 0,
        pool: counts ? [2, 2] : undefined,
      }];
      this.pointer = core.network({
        features: PIXELS, stages: this.stages, seed, image: [SIDE, SIDE, 1],
      });
    }
  }

  // Those of a unit of few inputs are 1 and -1, whatever was chosen.
  weightBits() {
    const { kind, inputs, bits } = this.settings;
    return kind === "paper" && inputs === 0 ? bits : 8;
  }

  free() {
    this.core.c.rp_network_free(this.pointer);
  }

  // What the first stage reads of n images.
  input(x, n) {
    return this.settings.kind === "paper" ? this.core.bytes(x, n) : this.core.bits(x, n, INK);
  }

  // use(features, m) of what comes out of each stage m, for n images.
  through(x, n, use) {
    const { core } = this;
    let features = this.input(x, n);
    for (let m = 0; m < this.stages.length; ++m) {
      const next = core.propagate(this.pointer, features, m, m + 1);
      core.c.rp_features_free(features);
      features = next;
      use(features, m);
    }
    core.c.rp_features_free(features);
  }

  // The model file of this network and a fitted readout of it.
  file(readout, kind) {
    const { core, settings } = this;
    const isPaper = settings.kind === "paper";
    const network = {
      activation: isPaper ? settings.activation : "step",
      input_shape: isPaper ? null : [SIDE, SIDE, 1],
      matrices: this.stages.map(described),
      n_features: PIXELS,
      seed: String(settings.seed ?? 0),
      weight_bits: this.weightBits(),
    };
    const width = this.outputs();
    const description = {
      classes: null,
      network,
      readout: kind === "centroids" ? { kind, metric: "euclidean" } : { kind, alpha: real(ALPHA) },
      version: 1,
      ...(isPaper
        ? { input_range: [real(0), real(255)] }
        : { scaling: { kind: "binary", level: real(63.75) } }),
    };
    const n = CLASSES * width;
    const arrays = { classes: { array: Uint8Array.from({ length: CLASSES }, (_, c) => c), shape: [CLASSES] } };
    if (kind === "centroids") {
      arrays.counts = { array: narrowed(core.numbers(readout, "counts", n)), shape: [CLASSES, width] };
      arrays.n_samples = { array: core.numbers(readout, "n_samples", CLASSES), shape: [CLASSES] };
    } else {
      arrays.coef = { array: core.numbers(readout, "coef", n), shape: [CLASSES, width] };
      arrays.intercept = { array: core.numbers(readout, "intercept", CLASSES), shape: [CLASSES] };
    }
    return modelFile(description, arrays);
  }

  outputs() {
    const { channels, counts } = this.settings;
    const places = SIDE - KERNEL + 1;
    return this.settings.kind === "paper"
      ? this.settings.width
      : channels * (counts ? 4 : places * places);
  }
}

// A stage as a model file spells it: what is usual is left out.
function described(stage) {
  const few = stage.fan_in ? { fan_in: stage.fan_in } : {};
  if (stage.map === "dense") {
    return stage.fan_in ? { kind: "Dense", units: stage.units, ...few } : stage.units;
  }
  const both = { channels: stage.units, kernel: KERNEL };
  if (!stage.fan_in && !stage.pool) {
    return { ...both, stride: 1, padding: 0 };
  }
  return { kind: "Conv2D", ...both, ...few, ...(stage.pool ? { pool: stage.pool[0] } : {}) };
}
