"use strict";
const explorers = (() => {
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

// The controls of an explorer: native inputs, and the views that JupyterLab has, too.
let made = 0;
const words = (name) => name.replaceAll("_", " ");
const short = (about, value) => about.kind === "choice" ? String(about.choices[value])
  : about.kind === "tick" ? (value ? "on" : "off") : value.toFixed(about.kind === "float" ? 2 : 0);

function slider(name, about, moved) {
  const id = `x-${++made}`, { low: min, high: max, step } = about;
  const steps = Math.round((max - min) / step);
  const input = element("input", { type: "range", id, min: 0, max: steps, step: 1 });
  const said = element("span", { className: "value" });
  const get = () => min + input.value * step;
  const show = () => { said.textContent = short(about, get()); input.ariaValueText = said.textContent; };
  input.addEventListener("input", () => { show(); moved(); });
  const set = (value) => { input.value = Math.round((value - min) / step); show(); };
  return { row: element("div", { className: "row" }, element("label", { htmlFor: id }, words(name)), input, said), get, set };
}

function list(name, about, moved) {
  const id = `x-${++made}`, select = element("select", { id });
  about.choices.forEach((text) => select.add(new Option(text)));
  select.addEventListener("input", moved);
  return { row: element("div", { className: "row" }, element("label", { htmlFor: id }, words(name)), select),
    get: () => select.selectedIndex, set: (value) => { select.selectedIndex = value; } };
}

function buttons(name, about, moved) { // few choices: all of them to be seen
  const group = `x-${++made}`;
  const radios = about.choices.map(() => element("input", { type: "radio", name: group }));
  const labels = radios.map((radio, i) => element("label", {}, radio, ` ${about.choices[i]}`));
  radios.forEach((radio) => radio.addEventListener("input", moved));
  return { row: element("fieldset", { className: "row" }, element("legend", {}, words(name)), ...labels),
    get: () => radios.findIndex((radio) => radio.checked), set: (value) => { radios[value].checked = true; } };
}

function tick(name, about, moved) {
  const box = element("input", { type: "checkbox" });
  box.addEventListener("input", moved);
  return { row: element("div", { className: "row" }, element("label", {}, box, ` ${words(name)}`)),
    get: () => box.checked, set: (value) => { box.checked = value; } };
}

function area(about, moved) {
  const { ranges, alt } = about, range = ranges.mask, start = masked(range, range.start);
  const model = modelOf({ about: range, alt, mask: start, picture: new DataView(new ArrayBuffer(0)) }, moved);
  return { row: rendered("area", model), model,
    get: () => new Uint8Array(model.get("mask").buffer), set: (value) => model.set("mask", masked(range, value)) };
}
function masked({ height, width }, start) { // a drawing, or a rectangle, as bytes
  const inside = typeof start[0] === "string" ? (r, c) => +start[r][c]
    : (r, c) => +(r >= start[0] && r < start[1] && c >= start[2] && c < start[3]);
  return new DataView(Uint8Array.from({ length: height * width },
    (_, i) => inside(Math.floor(i / width), i % width)).buffer);
}

function control(name, one, about, moved) {
  if (one.kind === "area") return area(about, moved);
  if (one.kind === "tick") return tick(name, one, moved);
  if (one.kind === "choice") return (one.choices.length > 6 ? list : buttons)(name, one, moved);
  return slider(name, one, moved);
}

// What the views know in JupyterLab as their widget.
function modelOf(state, saved) {
  const watched = {};
  return {
    get: (name) => state[name],
    set(name, value) { state[name] = value; (watched[`change:${name}`] ?? []).forEach((f) => f()); },
    save_changes: saved,
    on(event, f) { (watched[event] ??= []).push(f); },
    off() {},
  };
}
function rendered(view, model) {
  const el = element("div");
  views[view].render({ model, el });
  return el;
}

function plane(about, controls, moved) { // it moves two sliders, and they move it
  const pair = about.axes.map((name) => controls[Object.keys(about.ranges).indexOf(name)]);
  const limits = about.axes.map((name) => [about.ranges[name].low, about.ranges[name].high]);
  const at = () => pair.map((one) => one.get());
  const model = modelOf({ labels: about.axes.map(words), limits, dots: about.dots, at: at() }, () => {
    pair.forEach((one, i) => one.set(model.get("at")[i]));
    moved();
  });
  return { row: rendered("plane", model), follow: () => model.set("at", at()) };
}

// What an explorer's function returned, on the page.
function pictures(about, [n, , high, wide]) {
  const { columns: most = 8, heads, rows, scale = 0.9 } = about.grid ?? {}, columns = Math.min(most, n);
  const box = element("div", { className: "pictures", role: "img" });
  box.style.setProperty("--columns", columns);
  box.style.setProperty("--side", `${Math.round(100 * scale)}px`);
  box.classList.toggle("labelled", Boolean(rows));
  box.classList.toggle("one-row", n <= columns && columns > 6);
  const canvases = Array.from({ length: n }, (_, i) => {
    const canvas = element("canvas", { width: wide, height: high });
    const row = Math.floor(i / columns), head = row === 0 && heads ? heads[i] : "";
    if (rows && i % columns === 0) box.append(element("span", { className: "name" }, rows[row]));
    box.append(element("div", {}, ...(heads && row === 0 ? [element("span", {}, head)] : []), canvas));
    return canvas;
  });
  return { box, draw: (output) => canvases.forEach((canvas, i) => paint(canvas, output, i)) };
}

function paint(canvas, { data, dims: [, channels, high, wide], cut }, i) {
  const context = canvas.getContext("2d"), size = high * wide, from = i * channels * size;
  if (cut) return context.drawImage(...cut(i), 0, 0, wide, high);
  const image = context.createImageData(wide, high);
  for (let p = 0; p < size; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = 255 * data[from + (channels === 3 ? c * size : 0) + p];
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// What costs in nats say of a drawing: under which label it is likeliest, and how sure that is.
function cheapest(names, costs) {
  const [best, next] = costs.map((_, i) => i).sort((a, b) => costs[a] - costs[b]);
  const more = (costs[next] - costs[best]).toFixed(1);
  return `cheapest: ${names[best]}; next: ${names[next]}, ${more} nats more: `
    + `e^${more}, about ${times(Math.exp(more))} times less likely`;
}
function times(n) { // 2.7, 900,000, 4 million, 10^17
  if (n < 10) return n.toFixed(1);
  if (n >= 1e15) return `10^${Math.round(Math.log10(n))}`;
  const notation = n < 1e6 ? "standard" : "compact";
  return n.toLocaleString("en", { maximumSignificantDigits: 1, notation, compactDisplay: "long" });
}

function map(about) { // points of a plane, in the colour that the function gives them
  const SIDE = 420, [[, at]] = about.dots, box = element("div", { className: "pictures map", role: "img" });
  const canvas = element("canvas", { width: 2 * SIDE, height: 2 * SIDE });
  const span = (k) => { const all = at.filter((_, i) => i % 2 === k); return [Math.min(...all), Math.max(...all)]; };
  const [across, up] = [span(0), span(1)], part = (v, [low, high]) => 0.03 + 0.94 * (v - low) / (high - low);
  box.append(canvas, element("p", { className: "key" }, element("span", {}, "without"), element("span", {}, "with")));
  return { box, draw: ({ data }) => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, 2 * SIDE, 2 * SIDE);
    for (const kind of [0, 1]) for (let i = 0; i < data.length; i++) if (+(data[i] > 0.5) === kind) {
      context.fillStyle = kind ? "#c8553d" : "#7f9fc4";
      context.beginPath();
      context.arc(2 * SIDE * part(at[2 * i], across), 2 * SIDE * (1 - part(at[2 * i + 1], up)), 7, 0, 7);
      context.fill();
    }
  } };
}

// An explorer in a page without a kernel: controls, the function behind them, the pictures it makes.
const NEAR = "300px", QUIET = 400; // ms after the last move, before a change is said
async function start(section) {
  const about = await load(section.dataset.explorer), names = Object.keys(about.ranges);
  const run = await (about.live.how === "frames" ? frames : net)(about);
  let idle = null, again = false, drawn = 0, stage, bars, costs, first, timer;
  const drawing = Boolean(about.ranges.mask?.examples?.length);
  const asked = drawing && section.querySelector(".predict, .task"); // bars would give the answer away
  const touched = () => moved().catch((error) => failed(section, error));
  const controls = names.map((name) => control(name, about.ranges[name], about, touched));
  const values = () => controls.map((one) => one.get());
  const reset = () => set(names.map((name) => about.ranges[name].start));
  const said = element("output", { className: "said" });
  const beside = about.view === "plane" ? plane(about, controls, touched) : null;

  function set(all) {
    controls.forEach((one, i) => one.set(all[i]));
    return moved();
  }
  function moved() { // a promise: what came while it was busy is drawn once, at the end
    again = true;
    idle ??= draw().finally(() => { idle = null; });
    return idle;
  }
  async function draw() {
    while (again) {
      again = false;
      beside?.follow();
      show(await run(values()));
      await new Promise(requestAnimationFrame);
    }
  }
  function show([output, numbers]) {
    if (!stage) begin(output, numbers);
    stage.draw(output);
    const blank = drawing && !controls.find((one) => one.model).get().some(Boolean);
    if (numbers) bars.set("values", blank ? [] : Array.from(numbers.data));
    first ??= output.data?.slice();
    controls.find((one) => one.model)?.model.set("picture", png(output));
    section.dataset.drawn = ++drawn;
    clearTimeout(timer);
    timer = setTimeout(() => { said.textContent = setting(output); }, QUIET);
    const now = setting(output);
    stage.box.ariaLabel = now ? `${about.alt} Now ${now}.` : about.alt;
  }
  function setting(output) {
    const texts = names.map((name, i) => about.ranges[name].kind === "area" ? ""
      : `${words(name)} ${short(about.ranges[name], controls[i].get())}`).filter(Boolean);
    if (drawing) { // of another drawing most pixels are others: its costs say more
      const known = bars?.get("title").startsWith("nats") && !costs.hidden ? bars.get("values") : [];
      if (known.length) texts.push(cheapest(bars.get("names"), known));
    } else if (output.data && about.view !== "map") {
      const sum = output.data.reduce((total, v, i) => total + Math.abs(v - first[i]), 0);
      const levels = (255 * sum / first.length).toFixed(1);
      if (sum) texts.push(`pixels differ from the start by ${levels} of 255 levels on average`);
    }
    return texts.join(", ");
  }
  function begin(output, numbers) { // the poster has done its work
    stage = about.view === "map" ? map(about) : pictures(about, output.dims);
    const inside = controls.filter((one) => !one.model).map((one) => one.row);
    const before = [beside, ...controls.filter((one) => one.model)].filter(Boolean).map((one) => one.row);
    if (numbers) {
      bars = modelOf({ most: null, title: "", ...about.bars, names: about.bars.names.map(String),
        values: Array.from(numbers.data) }, () => {});
      costs = rendered("bars", bars);
      before.push(asked ? folded(costs, touched) : costs);
    }
    const back = element("button", { type: "button" }, "Back to the start");
    back.addEventListener("click", () => reset().catch((error) => failed(section, error)));
    section.querySelector(".poster").replaceWith(
      element("div", { className: "controls" }, ...inside),
      element("div", { className: "stage" }, ...before, stage.box),
      element("p", { className: "under" }, back, said));
    section.querySelector(".widget-note")?.remove();
    section.classList.add("moves");
  }
  shown[about.name] = { set, reset, values, about };
  await reset();
}

function folded(box, toggled) { // behind a button
  const button = element("button", { type: "button" });
  const set = (hidden) => {
    box.hidden = hidden;
    button.ariaExpanded = !hidden;
    button.textContent = hidden ? "Show the costs" : "Hide the costs";
  };
  button.addEventListener("click", () => { set(!box.hidden); toggled(); });
  set(true);
  return element("div", { className: "folded" }, button, box);
}

function png({ data, dims }) { // the first picture, for the area to lie on
  const canvas = element("canvas", { width: dims[3], height: dims[2] });
  paint(canvas, { data, dims }, 0);
  const text = atob(canvas.toDataURL("image/png").split(",")[1]);
  return new DataView(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
}

function failed(section, error) { // the poster stays
  const note = section.querySelector(".widget-note") ?? section.appendChild(element("p"));
  note.textContent = `This explorer could not start here: ${error.message}. The figure shows its beginning.`;
  console.error(error);
}

document.addEventListener("DOMContentLoaded", () => {
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) {
      watcher.unobserve(target);
      start(target).catch((error) => failed(target, error));
    }
  }, { rootMargin: NEAR });
  document.querySelectorAll(".explorer[data-explorer]").forEach((section) => watcher.observe(section));
});
return { give, shown, views };
})();
explorers.views.area = (() => {
// A picture on which a mask is drawn: drag a rectangle, or paint with a brush. For the keyboard there
// are four sliders, the rectangle's edges. A drawing has the brush alone, since a rectangle would wipe
// out what stands, and a button for each example.
const EDGES = ["top", "bottom", "left", "right"];
let made = 0;

function element(tag, properties, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}

function render({ model, el }) {
  const { height: high, width: wide, start, examples } = model.get("about"), id = `explorer-area-${Date.now()}-${++made}`;
  const sides = [high, high, wide, wide];
  const drawing = examples.length > 0; // not a rectangle to begin with, but a drawing
  let mask = bytes(model.get("mask")), edges = drawing ? [0, 0, 0, 0] : [...start], from = null, last = null;

  const canvas = element("canvas", { width: wide, height: high });
  canvas.setAttribute("role", "img");
  const said = element("output", {});
  const shown = new Image(); // the picture below the mask
  const tools = element("fieldset", { className: "tools" }, element("legend", {}, "Draw with"));
  for (const name of ["rectangle", "brush"]) {
    const radio = element("input", { type: "radio", name: id, value: name, checked: name === "rectangle" });
    tools.append(element("label", {}, radio, ` ${name}`));
  }
  const sliders = EDGES.map((name, i) => {
    const input = element("input", { type: "range", min: 0, max: sides[i], step: 1, value: edges[i] });
    input.addEventListener("input", () => { pull(i, +input.value); rectangle(); });
    return input;
  });
  const rows = EDGES.map((name, i) => element("label", {}, `${name} edge `, sliders[i]));
  const button = (label, pixels, whole = false) => {
    const one = element("button", { type: "button" }, label);
    one.addEventListener("click", () => {
      mask = Uint8Array.from({ length: high * wide }, (_, i) => +pixels(i));
      edges = whole ? [0, high, 0, wide] : [0, 0, 0, 0];
      send();
    });
    return one;
  };
  const example = (rows, i) => { // its button shows it
    const small = element("canvas", { width: wide, height: high, role: "img", ariaLabel: `Example ${i + 1}` });
    const pixels = rows.join(""), grey = (v) => [v, v, v, 255];
    small.getContext("2d").putImageData(levels((k) => grey(255 * pixels[k])), 0, 0);
    return button(small, (k) => pixels[k]);
  };
  const levels = (of) => { // a picture from each pixel's four bytes; none: transparent
    const made = new ImageData(wide, high);
    for (let i = 0; i < high * wide; i++) if (of(i)) made.data.set(of(i), 4 * i);
    return made;
  };
  const buttons = [button("Clear", () => 0),
    ...(drawing ? examples.map(example) : [button("Mark all", () => 1, true)])];

  function pull(i, value) { // an edge that is moved past the other one takes it along
    edges[i] = value;
    const other = i ^ 1, low = i & ~1;
    if (edges[low] > edges[low + 1]) edges[other] = value;
  }
  function rectangle() {
    const [top, bottom, left, right] = edges;
    mask.fill(0);
    for (let row = top; row < bottom; row++) mask.fill(1, row * wide + left, row * wide + right);
    send();
  }
  function paint(to) { // all along the way since the last event: a fast hand leaves no gaps
    const radius = Math.max(high, wide) / 18, begin = last ?? to;
    const steps = Math.ceil(2 * Math.hypot(to[0] - begin[0], to[1] - begin[1])) + 1;
    for (let k = 1; k <= steps; k++) {
      const [row, column] = [0, 1].map((i) => begin[i] + (to[i] - begin[i]) * k / steps);
      for (let r = 0; r < high; r++) for (let c = 0; c < wide; c++) {
        if (Math.hypot(r + 0.5 - row, c + 0.5 - column) <= radius) mask[r * wide + c] = 1;
      }
    }
    last = to;
    send();
  }
  function send() {
    model.set("mask", new DataView(mask.slice().buffer));
    model.save_changes();
  }
  const place = (event) => { // row and column below the pointer, in pixels of the picture
    const box = canvas.getBoundingClientRect(), part = (v, size) => Math.min(size, Math.max(0, v));
    return [part((event.clientY - box.top) / box.height * high, high),
      part((event.clientX - box.left) / box.width * wide, wide)];
  };
  const draw = (event) => {
    const to = place(event);
    if (drawing || tools.querySelector(":checked").value === "brush") return paint(to);
    edges = [0, 1].flatMap((k) =>
      [Math.floor(Math.min(from[k], to[k])), Math.ceil(Math.max(from[k], to[k]))]);
    rectangle();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = place(event);
    last = null;
    draw(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) draw(event);
  });

  let timer;
  const show = () => {
    mask = bytes(model.get("mask"));
    const context = canvas.getContext("2d"), layer = element("canvas", { width: wide, height: high });
    layer.getContext("2d").putImageData(levels((i) => mask[i] && [214, 39, 40, 150]), 0, 0);
    if (shown.naturalWidth) context.drawImage(shown, 0, 0, wide, high);
    context.drawImage(layer, 0, 0);
    sliders.forEach((input, i) => { input.value = edges[i]; });
    clearTimeout(timer); // said when the reader has stopped, not at every step
    timer = setTimeout(() => {
      const text = `${mask.reduce((sum, v) => sum + v, 0)} of ${mask.length} pixels are marked`;
      said.textContent = text;
      canvas.setAttribute("aria-label", `${model.get("alt")} ${text}`.trim());
    }, said.textContent ? 400 : 0);
  };
  const load = () => {
    const old = shown.src;
    shown.src = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  };
  shown.addEventListener("load", show);
  el.addEventListener("keydown", (event) => event.stopPropagation()); // else JupyterLab's own
  model.on("change:mask", show);
  model.on("change:picture", load);
  load();
  show();
  el.classList.add("explorer-area");
  const byEdges = element("details", { open: true }, element("summary", {}, "A rectangle by its edges"),
    element("fieldset", { className: "edges" }, element("legend", {}, "Edges of the rectangle"), ...rows));
  el.append(canvas, ...(drawing ? [] : [tools]), element("div", { className: "tools" }, ...buttons),
    ...(drawing ? [] : [byEdges]), said);
  return () => {
    model.off("change:mask", show);
    model.off("change:picture", load);
    clearTimeout(timer);
    URL.revokeObjectURL(shown.src);
  };
}

const bytes = (view) => new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

return { render };
})();
explorers.views.bars = (() => {
// Numbers as bars, to the left of a common line where they are negative: a table, which can be read aloud.
// Without numbers, as nothing is drawn yet, a line says what to do.
function render({ model, el }) {
  const table = document.createElement("table");
  const title = table.createCaption();
  title.textContent = model.get("title");
  const rows = model.get("names").map((name) => {
    const row = table.insertRow(), head = document.createElement("th");
    head.scope = "row";
    head.textContent = name;
    row.append(head);
    const place = row.insertCell(), bar = document.createElement("span");
    place.className = "place";
    place.append(bar);
    return { bar, said: row.insertCell() };
  });
  const hint = document.createElement("p");
  hint.textContent = "Nothing is drawn: draw something, or take an example.";
  const show = () => {
    const values = model.get("values");
    table.hidden = !values.length;
    hint.hidden = !table.hidden;
    if (values.length) fill(values);
  };
  const fill = (values) => {
    const low = Math.min(0, ...values);
    const most = model.get("most") ?? Math.max(...values.map(Math.abs), 1e-9);
    const left = low < 0 ? -most : 0, whole = most - left;
    const digits = Math.max(0, 2 - Math.floor(Math.log10(most)));
    rows.forEach(({ bar, said }, i) => {
      const value = Math.max(left, Math.min(most, values[i]));
      bar.style.left = `${100 * (Math.min(0, value) - left) / whole}%`;
      bar.style.width = `${100 * Math.abs(value) / whole}%`;
      bar.classList.toggle("below", value < 0);
      said.textContent = values[i].toFixed(Math.min(digits, 3));
    });
  };
  model.on("change:values", show);
  show();
  el.classList.add("explorer-bars");
  el.append(table, hint);
  return () => model.off("change:values", show);
}

return { render };
})();
explorers.views.choice = (() => {
// A labelled list of choices. The browser's own list takes arrows, letters and Home; keydown stops
// here, else JupyterLab would take the arrows for itself.
let made = 0;

function render({ model, el }) {
  const id = `explorer-choice-${Date.now()}-${++made}`;
  const label = document.createElement("label");
  label.htmlFor = id;
  label.textContent = model.get("description");
  const select = document.createElement("select");
  select.id = id;
  for (const text of model.get("labels")) select.add(new Option(text));
  const show = () => { select.selectedIndex = model.get("index"); };
  select.addEventListener("input", () => {
    model.set("index", select.selectedIndex);
    model.save_changes();
  });
  el.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change:index", show);
  show();
  el.classList.add("explorer-choice");
  el.append(label, select);
  return () => model.off("change:index", show);
}

return { render };
})();
explorers.views.picture = (() => {
// A picture that says what it shows: ipywidgets' own Image has no alternative text.
function render({ model, el }) {
  const image = document.createElement("img");
  const load = () => {
    const old = image.src;
    image.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    if (old) URL.revokeObjectURL(old);
  };
  const say = () => { image.alt = model.get("alt"); };
  model.on("change:value", load);
  model.on("change:alt", say);
  load();
  say();
  el.classList.add("explorer-picture");
  el.append(image);
  return () => {
    model.off("change:value", load);
    model.off("change:alt", say);
    URL.revokeObjectURL(image.src);
  };
}

return { render };
})();
explorers.views.plane = (() => {
// A square plane with two axes. Click or drag moves the point; so do the arrow keys (with Shift, five
// steps), and the two sliders beside it.
const SIDE = 260, LEFT = 46, BOTTOM = 40, EDGE = 12, STEPS = 40, TICKS = 4;
const WIDE = LEFT + SIDE + EDGE, HIGH = EDGE + SIDE + BOTTOM;
const COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
  "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"];
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

function shape(tag, attributes, parent, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  parent.append(made);
  return made;
}

function render({ model, el }) {
  const labels = model.get("labels"), limits = model.get("limits");
  const across = (v) => LEFT + SIDE * (v - limits[0][0]) / (limits[0][1] - limits[0][0]);
  const up = (v) => EDGE + SIDE * (limits[1][1] - v) / (limits[1][1] - limits[1][0]);
  const held = (v, [low, high]) => Math.min(high, Math.max(low, v));

  const plane = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  plane.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  plane.setAttribute("tabindex", "0");
  plane.setAttribute("role", "application");
  plane.setAttribute("aria-roledescription", "plane");
  plane.setAttribute("aria-label",
    `Plane of ${labels[0]} and ${labels[1]}: arrow keys move the point, as the two sliders do`);
  drawAxes(plane, labels, limits, across, up);
  const inside = shape("svg", { x: LEFT, y: EDGE, width: SIDE, height: SIDE,
    viewBox: `${LEFT} ${EDGE} ${SIDE} ${SIDE}` }, plane); // cuts off what lies outside
  model.get("dots").forEach(([, numbers], i) => {
    let path = "";
    for (let k = 0; k < numbers.length; k += 2) path += `M${across(numbers[k])} ${up(numbers[k + 1])}h0`;
    shape("path", { d: path, class: "dots", stroke: COLOURS[i % COLOURS.length] }, inside);
  });
  const point = shape("g", { class: "point" }, plane);
  shape("circle", { r: 8 }, point);
  shape("path", { d: "M-13 0H13M0 -13V13" }, point);

  const said = document.createElement("output");
  let timer;
  const show = () => {
    const [x, y] = model.get("at");
    point.setAttribute("transform", `translate(${across(x)} ${up(y)})`);
    clearTimeout(timer); // said when the reader has stopped, not at every step
    timer = setTimeout(() => {
      said.textContent = `${labels[0]} = ${x.toFixed(2)}, ${labels[1]} = ${y.toFixed(2)}`;
    }, said.textContent ? 400 : 0);
  };
  const move = (x, y) => {
    model.set("at", [held(x, limits[0]), held(y, limits[1])]);
    model.save_changes();
  };
  const follow = (event) => {
    const box = plane.getBoundingClientRect(), scale = WIDE / box.width;
    const x = ((event.clientX - box.left) * scale - LEFT) / SIDE;
    const y = 1 - ((event.clientY - box.top) * scale - EDGE) / SIDE;
    move(limits[0][0] + x * (limits[0][1] - limits[0][0]), limits[1][0] + y * (limits[1][1] - limits[1][0]));
  };
  plane.addEventListener("pointerdown", (event) => {
    plane.setPointerCapture(event.pointerId);
    follow(event);
  });
  plane.addEventListener("pointermove", (event) => {
    if (plane.hasPointerCapture(event.pointerId)) follow(event);
  });
  plane.addEventListener("keydown", (event) => {
    if (!KEYS[event.key]) return;
    event.preventDefault(); // the page would scroll
    const by = KEYS[event.key].map((d, i) =>
      d * (event.shiftKey ? 5 : 1) * (limits[i][1] - limits[i][0]) / STEPS);
    const [x, y] = model.get("at");
    move(x + by[0], y + by[1]);
  });
  el.addEventListener("keydown", (event) => event.stopPropagation()); // else JupyterLab's own
  model.on("change:at", show);
  show();
  el.classList.add("explorer-plane");
  el.append(plane, legend(model.get("dots")), said);
  return () => { model.off("change:at", show); clearTimeout(timer); };
}

function drawAxes(plane, labels, limits, across, up) {
  shape("rect", { x: LEFT, y: EDGE, width: SIDE, height: SIDE, class: "frame" }, plane);
  for (let k = 0; k <= TICKS; k++) {
    const [x, y] = limits.map(([low, high]) => low + k * (high - low) / TICKS);
    const bottom = EDGE + SIDE;
    shape("path", { d: `M${across(x)} ${bottom}v5M${LEFT} ${up(y)}h-5`, class: "frame" }, plane);
    shape("text", { x: across(x), y: bottom + 17, "text-anchor": "middle" }, plane, String(+x.toFixed(2)));
    shape("text", { x: LEFT - 8, y: up(y) + 4, "text-anchor": "end" }, plane, String(+y.toFixed(2)));
  }
  shape("text", { x: LEFT + SIDE / 2, y: HIGH - 6, "text-anchor": "middle" }, plane, labels[0]);
  shape("text", { transform: `translate(11 ${EDGE + SIDE / 2}) rotate(-90)`, "text-anchor": "middle" },
    plane, labels[1]);
}

function legend(dots) {
  const names = document.createElement("div");
  names.className = "legend";
  dots.forEach(([name], i) => {
    if (name === "") return;
    const mark = document.createElement("span");
    mark.textContent = name;
    mark.style.setProperty("--colour", COLOURS[i % COLOURS.length]);
    names.append(mark);
  });
  return names;
}

return { render };
})();
