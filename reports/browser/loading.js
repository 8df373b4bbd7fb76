// What an explorer needs, loaded when it comes near; and its function, a net or recorded frames.
// A page on a disk may not fetch a file, so all that is loaded comes as a script that gives it.
const here = document.currentScript.src.replace(/[^/]*$/, ""), asked = {}, shown = {}, views = {};
function load(file) { // a promise of what the script `file`.js gives; asked for once
  if (!asked[file]) {
    asked[file] = {};
    asked[file].promise = new Promise((resolve, reject) => {
      asked[file].resolve = resolve;
      const onerror = () => reject(new Error(`${file} is missing`));
      document.head.append(element("script", { src: `${here}${file}.js`, onerror }));
    });
  }
  return asked[file].promise;
}
const give = (file, content) => asked[file].resolve(content);
function unpacked(text) { // each letter holds 15 bits, counted from U+3400: live.py packs them
  const bytes = new Uint8Array(text.length * 15 / 8);
  for (let i = 0, at = 0, bits = 0, held = 0; i < text.length; i++) {
    bits = bits << 15 | text.charCodeAt(i) - 0x3400;
    for (held += 15; held >= 8; held -= 8) bytes[at++] = bits >> held - 8; // the lowest 8 are kept
  }
  return bytes.subarray(bytes.findIndex(Boolean)); // zeros before the first byte fill up
}
async function unzipped(text) {
  const bytes = new Blob([unpacked(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(bytes).arrayBuffer());
}

function element(tag, properties = {}, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}

let started, queue = Promise.resolve();
function runtime() { // ONNX Runtime Web, in the one way that starts from a disk in every browser
  started ??= Promise.all(["onnxruntime", "wasm"].map(load)).then(async ([glue, wasm]) => {
    const mjs = URL.createObjectURL(new Blob([glue], { type: "text/javascript" }));
    const wasmBinary = (await unzipped(wasm)).buffer;
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary, wasmPaths: { mjs } });
    return ort;
  });
  return started;
}

async function net(about) { // run(values) -> [{ data, dims }, ...]
  const file = async (name) => unzipped(await load(name)), names = about.live.tensors;
  const [ort, graph, ...tensors] = await Promise.all(
    [runtime(), file(about.live.graph), ...names.map(file)]);
  const externalData = names.map((path, i) => ({ path, data: tensors[i] }));
  const options = { executionProviders: ["wasm"], externalData };
  const inTurn = queue.then(() => ort.InferenceSession.create(graph, options));
  queue = inTurn.catch(() => {});
  const session = await inTurn, ranges = Object.values(about.ranges);
  return async (values) => {
    const feeds = {};
    session.inputNames.forEach((name, i) => { feeds[name] = tensor(ort, ranges[i], values[i]); });
    const mine = queue.then(() => session.run(feeds)); // one net at a time: they share a memory
    queue = mine.catch(() => {});
    const made = await mine;
    return session.outputNames.map((name) => made[name]);
  };
}

function tensor(ort, about, value) {
  if (about.kind === "area") {
    return new ort.Tensor("float32", Float32Array.from(value), [1, 1, about.height, about.width]);
  }
  if (about.kind === "float") return new ort.Tensor("float32", [value], [1]);
  if (about.kind === "tick") return new ort.Tensor("bool", [value], [1]);
  return new ort.Tensor("int64", [BigInt(value)], [1]);
}

async function frames(about) { // the same, from a sheet with a place for each setting
  const { sheet, shape: [n, , high, wide] } = about.live;
  const image = await createImageBitmap(new Blob([unpacked(await load(sheet))]));
  const ranges = Object.values(about.ranges);
  return async (values) => {
    const [down, across = 0] = values.map((value, i) => place(ranges[i], value));
    const row = ranges.length === 1 ? 0 : down, column = ranges.length === 1 ? down : across;
    const cut = (k) => [image, (column * n + k) * wide, row * high, wide, high];
    return [{ dims: [n, 3, high, wide], cut }];
  };
}
const place = (about, value) =>
  "low" in about ? Math.round((value - about.low) / about.step) : +value;
