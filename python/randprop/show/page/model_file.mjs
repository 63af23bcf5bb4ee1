// A model file, as randprop.save writes it: docs/format.md.

const ORDER = ["I64", "F64", "U32", "U16", "U8"]; // widest first

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; ++bit) {
    n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  }
  return n;
});

function crc32(bytes, found = 0) {
  let c = ~found;
  for (const byte of bytes) {
    c = CRC_TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  }
  return ~c >>> 0;
}

// JSON as Python spells it: names in order, and a number that may be a fraction with a point.
function spelled(value) {
  if (value instanceof Real) {
    return Number.isInteger(value.number) ? `${value.number}.0` : String(value.number);
  }
  if (Array.isArray(value)) {
    return `[${value.map(spelled).join(",")}]`;
  }
  if (value !== null && typeof value === "object") {
    const members = Object.keys(value).sort();
    return `{${members.map((name) => `${JSON.stringify(name)}:${spelled(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

class Real {
  constructor(number) {
    this.number = number;
  }
}

export const real = (number) => new Real(number);

function bytesOf(array) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

// Counts in the smallest type that holds them.
export function narrowed(counts) {
  const largest = counts.reduce((a, b) => (a > b ? a : b), 0n);
  const kind = largest < 256n ? Uint8Array : largest < 65536n ? Uint16Array : Uint32Array;
  return kind.from(counts, Number);
}

const dtypeOf = (array) =>
  ({
    BigInt64Array: "I64", Float64Array: "F64", Uint32Array: "U32", Uint16Array: "U16",
    Uint8Array: "U8",
  })[array.constructor.name];

// description: the members docs/format.md names. arrays: {name: {array, shape}}.
export function modelFile(description, arrays) {
  const text = spelled(description);
  const encoder = new TextEncoder();
  const names = Object.keys(arrays).sort();
  const sum = names.reduce(
    (found, name) => crc32(bytesOf(arrays[name].array), found), crc32(encoder.encode(text)));
  const header = {
    __metadata__: { randprop: `${sum.toString(16).padStart(8, "0")} ${text}` },
  };
  const stored = names.map((name) => ({ name, dtype: dtypeOf(arrays[name].array), ...arrays[name] }));
  stored.sort((a, b) => ORDER.indexOf(a.dtype) - ORDER.indexOf(b.dtype)); // keeps the order of names
  let place = 0;
  for (const { name, dtype, array, shape } of stored) {
    header[name] = { dtype, shape, data_offsets: [place, place + array.byteLength] };
    place += array.byteLength;
  }
  let head = encoder.encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(head.length / 8) * 8).fill(32);
  padded.set(head);
  const file = new Uint8Array(8 + padded.length + place);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded.length), true);
  file.set(padded, 8);
  let at = 8 + padded.length;
  for (const { array } of stored) {
    file.set(bytesOf(array), at);
    at += array.byteLength;
  }
  return file;
}
