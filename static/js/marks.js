// Marked rows of a list, and the bar that acts on them (`data-bulk`: the name of the rows' boxes).
// Without it each row is marked singly, and the server tells of what an action could not do.
"use strict";
(() => {
  // The box that was clicked last, by its id: the rows are renewed meanwhile.
  let last = "";

  const boxesOf = (name) => [...document.querySelectorAll(`input[type=checkbox][name="${name}"]`)];

  // With Shift, all between the row before and this one get what this one got.
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches("input[type=checkbox]") || !document.querySelector(`[data-bulk="${box.name}"]`)) return;
    const boxes = boxesOf(box.name);
    const from = boxes.findIndex((each) => each.id === last);
    last = box.id;
    if (!event.shiftKey || from < 0) return;
    const ends = [from, boxes.indexOf(box)].sort((a, b) => a - b);
    for (const each of boxes.slice(ends[0], ends[1] + 1)) each.checked = box.checked;
    // A click with Shift marks the text between, too.
    getSelection().removeAllRanges();
  });

  // The bar says how many rows its buttons act on, and offers what can be done with one of them at least.
  function showBulk() {
    for (const bar of document.querySelectorAll("[data-bulk]")) {
      const marked = boxesOf(bar.dataset.bulk).filter((box) => box.checked);
      const all = bar.querySelector("[data-bulk-all]:checked") !== null;
      bar.classList.toggle("bw-bulk-active", marked.length > 0 || all);
      const told = all ? "All that match" : marked.length ? `${marked.length} selected` : "Nothing selected";
      const counter = bar.querySelector("[data-bulk-count]");
      if (counter.textContent !== told) counter.textContent = told;
      for (const button of bar.querySelectorAll("[data-acts-on]")) {
        const states = button.dataset.actsOn.split(" ");
        const off = !all && !marked.some((box) => states.includes(box.dataset.status));
        if (button.disabled !== off) button.disabled = off;
      }
    }
  }

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-check-all]");
    if (all) for (const box of boxesOf(all.dataset.checkAll)) box.checked = all.checked;
    if (event.target.matches("input[type=checkbox]")) showBulk();
  });

  // Enter on a box of the list would press the form's first button, and so end jobs unasked.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key !== "Enter") return;
    if (event.target.matches("input[type=checkbox][name=job], [data-check-all], [data-bulk-all]")) event.preventDefault();
  });

  document.addEventListener("htmx:after:swap", showBulk);
  showBulk();
})();
