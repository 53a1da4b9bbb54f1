// The header's search box as a combobox: arrow keys choose among what the server suggests, Enter goes there.
// Source: WAI-ARIA Authoring Practices, "Combobox with list autocomplete". Without this, Enter searches.
"use strict";
(() => {
  const box = document.getElementById("search-box");
  const list = document.getElementById("search-suggestions");
  const told = document.getElementById("search-told");
  if (!box || !list) return;
  const LETTERS_AT_LEAST = 2;
  let at = -1;

  // That nothing was found is told where options stand, and is none.
  const options = () => [...list.querySelectorAll("[data-href]")];

  function choose(index) {
    at = index;
    for (const [number, option] of options().entries()) {
      option.setAttribute("aria-selected", String(number === at));
      if (number === at) option.scrollIntoView({ block: "nearest" });
    }
    if (at < 0) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", options()[at].id);
  }

  function show(visible) {
    const open = visible && list.childElementCount > 0;
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    choose(-1);
    tell(open);
  }

  // A list that opens is not read out by itself.
  function tell(open) {
    const count = options().length;
    const words = count === 0 ? "Nothing found" : `${count} suggestion${count === 1 ? "" : "s"}`;
    told.textContent = open ? words : "";
  }

  const isLongEnough = () => box.value.trim().length >= LETTERS_AT_LEAST;

  // Fewer letters fit so much that it would only flicker.
  box.addEventListener("htmx:before:request", (event) => {
    if (!isLongEnough()) event.preventDefault();
  });
  box.addEventListener("input", () => { if (!isLongEnough()) show(false); });
  document.addEventListener("htmx:after:swap", () => {
    if (document.activeElement === box) show(isLongEnough());
  });

  box.addEventListener("keydown", (event) => {
    const found = options();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!found.length) return;
      event.preventDefault();
      if (list.hidden) show(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      // One more place than there are: back in the box.
      const places = found.length + 1;
      choose(((at + 1 + step + places) % places) - 1);
    } else if (event.key === "Enter" && !list.hidden && at >= 0) {
      event.preventDefault();
      location.assign(found[at].dataset.href);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      show(false);
    }
  });
  box.addEventListener("blur", () => show(false));
  // Else the box would lose focus, and the list go, before the click arrives.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[data-href]");
    if (option) location.assign(option.dataset.href);
  });
})();
