// An array's children as a grid of squares: drawn from one character a child, so that ten thousand weigh ten kilobytes.
// With the keys, a cursor goes from child to child; of a list that shows one status, the others are drawn faint.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const CELL_SIZES = [[60, 18], [400, 14], [2500, 9], [5000, 7], [Infinity, 6]];
  const TOLD = "Each square is a child. Point at one to see which; click to open it. With the keys: arrows, n for the next that failed, Enter.";
  const layouts = new WeakMap();

  // Few children get large squares; on a narrow screen all are smaller.
  function layoutOf(box, count) {
    const width = Math.max(box.clientWidth, 120);
    let [, size] = CELL_SIZES.find(([most]) => count <= most);
    if (width < 500) size = Math.max(5, Math.round(size * 0.75));
    const columns = Math.min(count, Math.floor(width / size));
    return { size, columns, rows: Math.ceil(count / columns) };
  }

  // One path a status, so that the page has seven elements and not ten thousand.
  function draw(box) {
    const text = box.dataset.grid;
    if (!text || !box.clientWidth) return;
    const shown = box.dataset.gridStatus || "";
    const before = layouts.get(box);
    if (before && before.text === text && before.width === box.clientWidth && before.shown === shown) return;
    const statuses = statusesOf(box);
    const { size, columns, rows } = layoutOf(box, text.length);
    layouts.set(box, { text, width: box.clientWidth, shown, size, columns, cursor: before?.cursor ?? null });
    const inner = size - (size > 6 ? 2 : 1);
    // The last part is of children that are not run here: a rerun of some has those alone.
    const parts = [...statuses, ""].map(() => []);
    for (let i = 0; i < text.length; i += 1) {
      const status = text.charCodeAt(i) - 48;
      const x = (i % columns) * size;
      const y = Math.floor(i / columns) * size;
      (parts[status] ?? parts[statuses.length]).push(`M${x} ${y}h${inner}v${inner}h-${inner}z`);
    }
    const svg = box.querySelector("svg");
    svg.setAttribute("width", columns * size);
    svg.setAttribute("height", rows * size);
    svg.replaceChildren(...parts.map((path, place) => {
      const element = document.createElementNS(SVG, "path");
      const name = statuses[place] ? `bw-${statuses[place].toLowerCase()}` : "bw-cell-none";
      const faint = shown && shown !== statuses[place] ? " bw-cell-faint" : "";
      element.setAttribute("class", `bw-cell ${name}${faint}`);
      element.setAttribute("d", path.join(""));
      return element;
    }));
    drawCursor(box);
  }

  const statusesOf = (box) => box.dataset.gridOrder.split(" ");
  const statusAt = (box, index) => statusesOf(box)[layouts.get(box).text.charCodeAt(index) - 48];

  const words = (index, status) => `Child ${index}: ${status ?? "not run here"}`;

  function drawCursor(box) {
    const { size, columns, cursor } = layouts.get(box);
    const svg = box.querySelector("svg");
    svg.querySelector(".bw-cell-cursor")?.remove();
    const slider = box.querySelector("[data-grid-box]");
    slider.setAttribute("aria-valuemax", String(layouts.get(box).text.length - 1));
    if (cursor === null) return;
    const mark = document.createElementNS(SVG, "rect");
    const values = { class: "bw-cell-cursor", x: (cursor % columns) * size, y: Math.floor(cursor / columns) * size, width: size - 1, height: size - 1 };
    for (const [name, value] of Object.entries(values)) mark.setAttribute(name, value);
    svg.append(mark);
    const status = statusAt(box, cursor);
    const text = words(cursor, status);
    slider.setAttribute("aria-valuenow", String(cursor));
    slider.setAttribute("aria-valuetext", text);
    tell(text);
  }

  // Where a key leads from a child; null for keys that mean nothing here.
  function target(box, key) {
    const { columns, cursor, text } = layouts.get(box);
    const at = cursor ?? -1;
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: cursor === null ? 0 : at + columns, ArrowUp: at - columns, Home: 0, End: text.length - 1 };
    if (key in steps) return Math.min(Math.max(steps[key], 0), text.length - 1);
    if (key !== "n" && key !== "N") return null;
    const failed = String.fromCharCode(48 + statusesOf(box).indexOf("FAILED"));
    const found = key === "n" ? text.indexOf(failed, at + 1) : text.lastIndexOf(failed, Math.max(at - 1, 0));
    return found < 0 ? cursor : found;
  }

  function open(box, index, inNewTab) {
    const url = `${box.dataset.gridUrl.replace(/\/$/, "")}:${index}/`;
    if (inNewTab) window.open(url, "_blank");
    else location.assign(url);
  }

  function tell(text) {
    for (const line of document.querySelectorAll("[data-grid-told]")) {
      if (line.textContent !== text) line.textContent = text;
    }
  }

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("[data-grid-box]")?.closest("[data-grid]");
    if (!box || !layouts.has(box) || event.ctrlKey || event.metaKey || event.altKey) return;
    const layout = layouts.get(box);
    if (event.key === "Enter" && layout.cursor !== null) {
      event.preventDefault();
      if (statusAt(box, layout.cursor)) open(box, layout.cursor, false);
      return;
    }
    const next = target(box, event.key);
    if (next === null) return;
    event.preventDefault();
    // Else the page's own keys would hear of it as well.
    event.stopPropagation();
    layout.cursor = next;
    drawCursor(box);
  }, true);

  function childAt(event) {
    const svg = event.target.closest?.("[data-grid] svg");
    const box = svg?.closest("[data-grid]");
    const layout = box && layouts.get(box);
    if (!layout) return null;
    const place = svg.getBoundingClientRect();
    const column = Math.floor((event.clientX - place.left) / layout.size);
    const row = Math.floor((event.clientY - place.top) / layout.size);
    const index = row * layout.columns + column;
    if (column < 0 || column >= layout.columns || index < 0 || index >= layout.text.length) return null;
    return { box, index, status: statusAt(box, index) };
  }

  document.addEventListener("pointermove", (event) => {
    // With the keys, the cursor's child stays told.
    if (document.activeElement?.matches?.("[data-grid-box]:focus-visible")) return;
    const found = childAt(event);
    tell(found ? words(found.index, found.status) : TOLD);
  });
  document.addEventListener("click", (event) => {
    const found = childAt(event);
    if (found?.status) open(found.box, found.index, event.ctrlKey || event.metaKey);
  });

  // Observing a box again would tell of its size again, and so on without end.
  const observed = new WeakSet();
  const resized = new ResizeObserver((changes) => changes.forEach(({ target }) => draw(target)));
  function drawAll() {
    for (const box of document.querySelectorAll("[data-grid]")) {
      if (!observed.has(box)) resized.observe(box);
      observed.add(box);
      draw(box);
    }
  }
  document.addEventListener("htmx:after:swap", drawAll);
  drawAll();
})();
