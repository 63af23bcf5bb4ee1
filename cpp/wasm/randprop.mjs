// Loads randprop.wasm, in a page or in Node.js: functions of arrays over those of randprop_wasm.h.

const MAPS = { dense: 0, conv2d: 1, conv1d: 2 };
const KINDS = { centroids: 0, ridge: 1, discriminant: 2 };

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

  // use(pointer) to a copy of an array of bytes or 32-bit numbers.
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

  // Bytes of n rows without gaps through the first stages of a network.
  propagate(network, x, n, stages) {
    return this.#with(x, (at) =>
      this.#checked(this.c.rp_propagate(network, at, n, x.length / n, stages), 0));
  }

  featuresOfBytes(x, n) {
    return this.#with(x, (at) =>
      this.#checked(this.c.rp_features_of_bytes(at, n, x.length / n), 0));
  }

  // A copy of the bytes of a row, of bits the words of 64.
  row(features, sample) {
    const width = this.c.rp_features_width(features);
    const n = this.c.rp_features_are_bytes(features) ? width : 8 * Math.ceil(width / 64);
    const at = this.c.rp_features_row(features, sample);
    return new Uint8Array(this.c.memory.buffer, at, n).slice();
  }

  // kind: centroids, ridge or discriminant. codes: classes from 0 on, a row each.
  fit(kind, features, codes, classes, alpha = 1) {
    return this.#with(Int32Array.from(codes), (at) =>
      this.#checked(this.c.rp_fit(KINDS[kind], features, at, classes, alpha), 0));
  }

  predict(readout, features, n) {
    return this.#with(new Int32Array(n), (at) => {
      this.#checked(this.c.rp_predict(readout, features, at), -1);
      return new Int32Array(this.c.memory.buffer, at, n).slice();
    });
  }

  accuracy(readout, features, codes) {
    return this.#with(Int32Array.from(codes), (at) =>
      this.#checked(this.c.rp_accuracy(readout, features, at), -1));
  }
}
