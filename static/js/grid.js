// An array's children as a grid of squares: drawn from one character a child, so that ten thousand weigh ten kilobytes.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const CELL_SIZES = [[60, 18], [400, 14], [2500, 9], [5000, 7], [Infinity, 6]];
  const TOLD = "Each square is a child. Point at one to see which; click to open it.";
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
    const before = layouts.get(box);
    if (before && before.text === text && before.width === box.clientWidth) return;
    const statuses = box.dataset.gridOrder.split(" ");
    const { size, columns, rows } = layoutOf(box, text.length);
    layouts.set(box, { text, width: box.clientWidth, size, columns });
    const inner = size - (size > 6 ? 2 : 1);
    const parts = statuses.map(() => []);
    for (let i = 0; i < text.length; i += 1) {
      const status = text.charCodeAt(i) - 48;
      if (status < 0 || status >= parts.length) continue;
      const x = (i % columns) * size;
      const y = Math.floor(i / columns) * size;
      parts[status].push(`M${x} ${y}h${inner}v${inner}h-${inner}z`);
    }
    const svg = box.querySelector("svg");
    svg.setAttribute("width", columns * size);
    svg.setAttribute("height", rows * size);
    svg.replaceChildren(...parts.map((path, place) => {
      const element = document.createElementNS(SVG, "path");
      element.setAttribute("class", `bw-cell bw-${statuses[place].toLowerCase()}`);
      element.setAttribute("d", path.join(""));
      return element;
    }));
  }

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
    const status = box.dataset.gridOrder.split(" ")[layout.text.charCodeAt(index) - 48];
    return { box, index, status };
  }

  document.addEventListener("pointermove", (event) => {
    const found = childAt(event);
    for (const line of document.querySelectorAll("[data-grid-told]")) {
      const text = found?.status ? `Child ${found.index}: ${found.status}` : TOLD;
      if (line.textContent !== text) line.textContent = text;
    }
  });
  document.addEventListener("click", (event) => {
    const found = childAt(event);
    if (!found?.status) return;
    const url = `${found.box.dataset.gridUrl.replace(/\/$/, "")}:${found.index}/`;
    if (event.ctrlKey || event.metaKey) window.open(url, "_blank");
    else location.assign(url);
  });

  const drawAll = () => document.querySelectorAll("[data-grid]").forEach(draw);
  const resized = new ResizeObserver(drawAll);
  document.querySelectorAll("[data-grid]").forEach((box) => resized.observe(box));
  document.addEventListener("htmx:after:swap", drawAll);
  drawAll();
})();
