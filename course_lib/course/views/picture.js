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

export default { render };
