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

export default { render };
