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

export default { render };
