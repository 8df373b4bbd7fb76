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
