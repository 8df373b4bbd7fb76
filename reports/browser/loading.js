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
const unpacked = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function element(tag, properties = {}, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}

let started, queue = Promise.resolve();
function runtime() { // ONNX Runtime Web, in the one way that starts from a disk in every browser
  started ??= load("onnxruntime").then(async ({ glue, wasm }) => {
    const zipped = new Blob([unpacked(wasm)]).stream();
    const bytes = new Response(zipped.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
    const mjs = URL.createObjectURL(new Blob([glue], { type: "text/javascript" }));
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await bytes, wasmPaths: { mjs } });
    return ort;
  });
  return started;
}

async function net(about) { // run(values) -> [{ data, dims }, ...]
  const [ort, graph, ...tensors] = await Promise.all(
    [runtime(), load(about.live.graph), ...about.live.tensors.map(load)]);
  const externalData = about.live.tensors.map((path, i) => ({ path, data: unpacked(tensors[i]) }));
  const options = { executionProviders: ["wasm"], externalData };
  const inTurn = queue.then(() => ort.InferenceSession.create(unpacked(graph), options));
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
  const { sheet, shape: [n, , high, wide] } = about.live, image = new Image();
  image.src = `data:image/webp;base64,${await load(sheet)}`;
  await image.decode();
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
