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

export default { render };
