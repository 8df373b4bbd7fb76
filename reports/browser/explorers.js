// Explorers in a page without a kernel: controls, the function behind them, the pictures it makes.
// A page on a disk may not fetch a file, so all that is loaded comes as a script that gives it.
"use strict";
const explorers = (() => {
  const here = document.currentScript.src.replace(/[^/]*$/, ""), asked = {}, shown = {}, views = {};
  const NEAR = "300px", QUIET = 400; // ms after the last move, before a change is said

  // ---- files ------------------------------------------------------------------------------------

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

  // ---- the function: a net, or frames -------------------------------------------------------------

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
    Math.round(about.kind === "choice" ? value : (value - about.low) / about.step);

  // ---- controls -----------------------------------------------------------------------------------

  let made = 0;
  const words = (name) => name.replaceAll("_", " ");
  const short = (about, value) => about.kind === "choice" ? String(about.choices[value])
    : about.kind === "tick" ? (value ? "on" : "off") : value.toFixed(about.kind === "float" ? 2 : 0);

  function slider(name, about, moved) {
    const id = `x-${++made}`, { low: min, high: max, step } = about;
    const steps = Math.round((max - min) / step);
    const input = element("input", { type: "range", id, min: 0, max: steps, step: 1 });
    const said = element("output", {});
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

  // ---- pictures -----------------------------------------------------------------------------------

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

  // ---- an explorer ----------------------------------------------------------------------------------

  async function start(section) {
    const about = await load(section.dataset.explorer), names = Object.keys(about.ranges);
    const run = await (about.live.how === "frames" ? frames : net)(about);
    let busy = false, again = false, drawn = 0, stage, bars, first, timer;
    const controls = names.map((name) => control(name, about.ranges[name], about, () => moved()));
    const values = () => controls.map((one) => one.get());
    const reset = () => set(names.map((name) => about.ranges[name].start));
    const said = element("output", { className: "said" });
    const beside = about.view === "plane" ? plane(about, controls, () => moved()) : null;

    async function set(all) {
      controls.forEach((one, i) => one.set(all[i]));
      await moved();
    }
    async function moved() { // what came while it was busy is drawn once, at the end
      again = true;
      if (busy) return;
      busy = true;
      while (again) {
        again = false;
        beside?.follow();
        show(await run(values()));
        await new Promise(requestAnimationFrame);
      }
      busy = false;
    }
    function show([output, numbers]) {
      if (!stage) begin(output, numbers);
      stage.draw(output);
      if (numbers) bars.set("values", Array.from(numbers.data));
      first ??= output.data?.slice();
      controls.find((one) => one.model)?.model.set("picture", png(output));
      section.dataset.drawn = ++drawn;
      clearTimeout(timer);
      timer = setTimeout(() => { said.textContent = setting(output); }, QUIET);
      stage.box.ariaLabel = `${about.alt} Now ${setting(output)}.`;
    }
    function setting(output) {
      const texts = names.map((name, i) => about.ranges[name].kind === "area" ? ""
        : `${words(name)} ${short(about.ranges[name], controls[i].get())}`).filter(Boolean);
      if (output.data && about.view !== "map") {
        const sum = output.data.reduce((total, v, i) => total + Math.abs(v - first[i]), 0);
        texts.push(`on average ${(255 * sum / first.length).toFixed(1)} of 255 grey levels from the start`);
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
        before.push(rendered("bars", bars));
      }
      const back = element("button", { type: "button" }, "Back to the start");
      back.addEventListener("click", reset);
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

  function png({ data, dims }) { // the first picture, for the area to lie on
    const canvas = element("canvas", { width: dims[3], height: dims[2] });
    paint(canvas, { data, dims }, 0);
    return new DataView(unpacked(canvas.toDataURL("image/png").split(",")[1]).buffer);
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
