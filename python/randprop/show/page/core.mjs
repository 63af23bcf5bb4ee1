// Loads randprop.wasm, in a page or in Node.js: functions of arrays over those of randprop_wasm.h.

const MAPS = { dense: 0, conv2d: 1, conv1d: 2 };
const KINDS = { centroids: 0, ridge: 1, discriminant: 2, neighbors: 3 };

export async function load(bytes) {
  const wasm = await WebAssembly.compile(bytes);
  const imports = {};
  for (const { module, name } of WebAssembly.Module.imports(wasm)) {
    (imports[module] ??= {})[name] = () => 0;
  }
  let memory;
  const view = () => new DataView(memory.buffer);
  // What is asked of the system: no environment, and the time.
  Object.assign(imports.wasi_snapshot_preview1, {
    environ_sizes_get(count, size) {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return 0;
    },
    clock_time_get(_clock, _precision, out) {
      view().setBigUint64(out, BigInt(Math.round(1e6 * performance.now())), true);
      return 0;
    },
    proc_exit(code) {
      throw new Error(`randprop.wasm ended with ${code}`);
    },
  });
  const { exports } = await WebAssembly.instantiate(wasm, imports);
  memory = exports.memory;
  exports._initialize();
  return new Core(exports);
}

class Core {
  constructor(exports) {
    this.c = exports;
  }

  // What the C functions do, or an error with their reason.
  #checked(result, failed) {
    if (result === failed) {
      const bytes = new Uint8Array(this.c.memory.buffer, this.c.rp_error());
      throw new Error(new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0))));
    }
    return result;
  }

  // use(pointer) to memory of an array's size that begins as a copy of it.
  #with(array, use) {
    const pointer = this.c.malloc(Math.max(array.byteLength, 1));
    if (pointer === 0) {
      throw new Error(`no memory for ${array.byteLength} bytes`);
    }
    try {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      new Uint8Array(this.c.memory.buffer).set(bytes, pointer);
      return use(pointer);
    } finally {
      this.c.free(pointer);
    }
  }

  // stages: objects with the names of rp_stage, `map` one of dense, conv2d and conv1d, pool of one
  // or two numbers. seed: a BigInt. image: [height, width, channels].
  network({ features, stages, sign = false, seed = 0n, image = [0, 0, 0] }) {
    const numbers = stages.flatMap((s) => {
      const pool = s.pool ?? [0, 0];
      return [
        MAPS[s.map], s.units, s.kernel ?? 0, s.stride ?? 1, s.padding ?? 0, s.dilation ?? 1,
        pool[0], pool[pool.length - 1], s.weight_bits ?? 8, s.fan_in ?? 0, s.bias ?? 0,
      ];
    });
    const low = Number(BigInt.asIntN(32, seed));
    const high = Number(BigInt.asIntN(32, seed >> 32n));
    return this.#with(new Uint32Array(numbers), (at) =>
      this.#with(new Uint32Array(image), (shape) =>
        this.#checked(
          this.c.rp_network_new(features, at, stages.length, sign ? 1 : 0, low, high, shape), 0)));
  }

  // Bytes of n rows without gaps, as features.
  bytes(x, n) {
    return this.#with(x, (at) =>
      this.#checked(this.c.rp_features_of_bytes(at, n, x.length / n), 0));
  }

  // Bits that say whether bytes are above a level.
  bits(x, n, level) {
    return this.#with(x, (at) =>
      this.#checked(this.c.rp_features_of_bits(at, n, x.length / n, level), 0));
  }

  // Features through the stages first to last - 1 of a network.
  propagate(network, features, first, last) {
    return this.#checked(this.c.rp_propagate(network, features, first, last), 0);
  }

  width(features) {
    return this.c.rp_features_width(features);
  }

  areBytes(features) {
    return this.c.rp_features_are_bytes(features) !== 0;
  }

  // A copy of the bytes of a row, of bits the words of 64.
  row(features, sample) {
    const width = this.width(features);
    const n = this.areBytes(features) ? width : 8 * Math.ceil(width / 64);
    const at = this.c.rp_features_row(features, sample);
    return new Uint8Array(this.c.memory.buffer, at, n).slice();
  }

  // kind: centroids, ridge, discriminant or neighbors, of features like these.
  readout(kind, features, classes) {
    return this.#checked(
      this.c.rp_readout_new(KINDS[kind], this.width(features), this.areBytes(features) ? 1 : 0,
        classes), 0);
  }

  // codes: classes from 0 on, a row each.
  add(readout, features, codes) {
    this.#with(Int32Array.from(codes), (at) =>
      this.#checked(this.c.rp_readout_add(readout, features, at), -1));
  }

  solve(readout, alpha) {
    this.#checked(this.c.rp_readout_solve(readout, alpha), -1);
  }

  predict(readout, features, n) {
    return this.#with(new Int32Array(n), (at) => {
      this.#checked(this.c.rp_predict(readout, features, at), -1);
      return new Int32Array(this.c.memory.buffer, at, n).slice();
    });
  }

  scores(readout, features, n, classes) {
    return this.#with(new Float64Array(n * classes), (at) => {
      this.#checked(this.c.rp_scores(readout, features, at), -1);
      return new Float64Array(this.c.memory.buffer, at, n * classes).slice();
    });
  }

  // A copy of numbers of a readout: counts, n_samples or gram as BigInt64Array, coef or intercept
  // as Float64Array.
  numbers(readout, name, n) {
    const at = this.c[`rp_readout_${name}`](readout);
    if (at === 0) {
      throw new Error(`this readout has no ${name}`);
    }
    const kind = name === "coef" || name === "intercept" ? Float64Array : BigInt64Array;
    return new kind(this.c.memory.buffer, at, n).slice();
  }
}
