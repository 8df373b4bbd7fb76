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

export default { render };
