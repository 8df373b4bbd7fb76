// Without this script all is there: the contents stand open, and each cell's code has its own fold.
{
  const fold = document.querySelector(".contents details"), wide = matchMedia("(min-width: 72rem)");
  const button = document.querySelector(".all-code");
  const fit = () => { if (fold) fold.open = wide.matches; };
  wide.addEventListener("change", fit);
  fit();
  fold?.addEventListener("click", (event) => { if (event.target.closest("a") && !wide.matches) fold.open = false; });
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", shown);
      button.textContent = shown ? "Hide all code" : "Show all code";
      document.querySelectorAll("details.input").forEach((one) => { one.open = shown; });
    });
  }
  const reach = () => { // what scrolls sideways can be reached by keyboard
    for (const box of document.querySelectorAll('.html, .text > table, math[display="block"]')) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
    document.querySelectorAll(".whole").forEach(shade);
  };
  const shade = (box) => { // on which sides of a figure there is more
    const hidden = box.scrollWidth - box.clientWidth;
    box.classList.toggle("more-left", box.scrollLeft > 1);
    box.classList.toggle("more-right", box.scrollLeft < hidden - 1);
  };
  document.addEventListener("scroll", ({ target }) => {
    if (target.classList?.contains("whole")) shade(target);
  }, { capture: true, passive: true });
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true);
  addEventListener("load", reach);
  const links = [...document.querySelectorAll(".contents a")]; // the question that is being read
  const mark = () => {
    const above = links.filter((link) => document.querySelector(link.hash)?.getBoundingClientRect().top < 160);
    links.forEach((link) => { link.ariaCurrent = link === above.at(-1) ? "location" : null; });
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}
