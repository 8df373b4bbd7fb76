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
