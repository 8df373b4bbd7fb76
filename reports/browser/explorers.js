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
