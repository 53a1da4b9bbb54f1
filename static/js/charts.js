// Draws the figures that hold numbers by time. What is drawn stands in the figure as JSON, so that a live part that is
// renewed brings new numbers with it, and the curves follow. See templates/includes/chart.html.
"use strict";
(() => {
  const HEIGHT = 190;
  const SMALL_HEIGHT = 120;
  const AXIS_WIDTH = 62;
  const COLOURS = 8;
  const MIN_DRAG = 8;
  const FAST_STEPS = 10;
  const SYNCED = ["mousemove", "mouseleave"];
  const TIME_FORMATS = [
    [86400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
    [86400 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
    [0.001, "{HH}:{mm}:{ss}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  ];
  const charts = new Map();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--bw-${name}`).trim();
  const lastKnown = (values) => values.findLastIndex((value) => value !== null);

  function element(name, className, text = "") {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  }

  // Parts that the template did not bring; they stay what they are when the figure is renewed.
  function part(figure, name) {
    let found = figure.querySelector(`[data-chart-${name}]`);
    if (!found) {
      found = element("div", `bw-chart-${name}`);
      found.setAttribute(`data-chart-${name}`, "");
      found.dataset.keep = "";
      figure.append(found);
    }
    return found;
  }

  class Chart {
    constructor(figure) {
      this.figure = figure;
      this.kind = figure.dataset.chart;
      this.plot = part(figure, "plot");
      this.legend = part(figure, "legend");
      this.plot.tabIndex = 0;
      // What the keys do here: choose a moment among those that there are.
      this.plot.setAttribute("role", "slider");
      this.plot.setAttribute("aria-valuemin", "0");
      this.plot.setAttribute("aria-label", `${figure.querySelector("figcaption")?.textContent.trim() ?? "Chart"}: moment`);
      this.height = "small" in figure.dataset ? SMALL_HEIGHT : HEIGHT;
      this.table = figure.querySelector("[data-chart-table]");
      this.hidden = new Set();
      this.place = null;
      this.isStacked = this.kind === "stacked" || this.kind === "bars";
      this.resized = new ResizeObserver(() => this.fit());
      this.resized.observe(this.plot);
      this.plot.addEventListener("keydown", (event) => this.press(event));
      this.plot.addEventListener("blur", () => this.point(null));
      this.legend.addEventListener("click", (event) => this.toggle(event));
      this.details = this.table?.closest("details");
      this.details?.addEventListener("toggle", () => this.fillTable());
      this.read();
    }

    // Draws what the figure holds now, if that is new.
    read() {
      const text = this.figure.querySelector("script[type='application/json']")?.textContent ?? "";
      if (text !== this.text) this.take(text);
      // The figure's own attributes are the server's again whenever it was renewed.
      this.figure.classList.toggle("bw-chart-empty", this.isEmpty);
    }

    take(text) {
      this.text = text;
      this.data = JSON.parse(text || '{"times": [], "series": []}');
      const { times, series, utc } = this.data;
      this.isEmpty = !series.some((each) => each.values.some((value) => value !== null));
      this.step = this.data.step ?? (times.length > 1 ? times[1] - times[0] : 60);
      this.say = window.chartWords.moments(this.step, Boolean(utc));
      this.units = series.map((each) => window.chartWords.unitOf(each.unit));
      const curves = JSON.stringify([series.map((each) => [each.label, each.unit, each.dash, each.colour]), utc]);
      if (curves === this.curves && this.uplot && !this.isEmpty) {
        this.uplot.setData(this.numbers(), !this.isZoomed());
      } else {
        this.curves = curves;
        this.draw();
      }
      this.tell(this.place);
      this.fillTable();
    }

    // Those that are stacked stand on the sum of those before them.
    numbers() {
      const { times, series } = this.data;
      const shown = series.map((each, place) => (this.hidden.has(place) ? each.values.map(() => null) : each.values));
      if (!this.isStacked) return [times, ...shown];
      const sums = times.map(() => 0);
      const stacked = shown.map((values, place) => values.map((value, at) => {
        sums[at] += value ?? 0;
        const isKnown = series.some((each) => each.values[at] !== null);
        return isKnown ? sums[at] : null;
      }));
      return [times, ...this.ordered(stacked)];
    }

    // Bars are drawn one before the other, so the highest sum comes first.
    ordered(list) {
      return this.kind === "bars" ? list.toReversed() : list;
    }

    draw() {
      this.uplot?.destroy();
      this.uplot = null;
      this.hidden.clear();
      this.drawLegend();
      if (!this.isEmpty && this.plot.clientWidth) this.uplot = new uPlot(this.options(), this.numbers(), this.plot);
    }

    colourOf(place) {
      return colour(this.data.series[place].colour ?? `chart-${(place % COLOURS) + 1}`);
    }

    options() {
      const { series, utc } = this.data;
      const unit = this.units[0];
      // Beside what was asked for, or what there is in all, nothing small is taken for a mountain.
      const isMeasured = series.some((each) => each.dash);
      const axis = { stroke: () => colour("chart-text"), font: `12px ${getComputedStyle(document.body).fontFamily}`, ticks: { show: false } };
      return {
        width: this.plot.clientWidth,
        height: this.height,
        tzDate: utc ? (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC") : undefined,
        // To the right there is room for half of the last time below, which may have its seconds.
        padding: [10, this.step < 60 ? 34 : 24, 0, 0],
        legend: { show: false },
        series: [{}, ...this.ordered(series.map((each, place) => this.curve(each, place)))],
        bands: this.kind === "stacked" ? series.slice(1).map((_, place) => ({ series: [place + 2, place + 1], fill: () => this.fillOf(place + 1) })) : [],
        scales: {
          x: { time: true, range: (_, first, last) => this.span(first, last) },
          y: { range: (_, __, highest) => [0, Math.max((highest ?? 0) * 1.08, highest && isMeasured ? 0 : unit.least)] },
        },
        axes: [
          { ...axis, space: 70, grid: { show: false }, values: TIME_FORMATS },
          { ...axis, size: AXIS_WIDTH, space: 34, grid: { stroke: () => colour("chart-grid"), width: 1 }, values: (_, splits) => splits.map(unit.tick), ...(unit.steps ? { incrs: unit.steps } : {}) },
        ],
        cursor: {
          y: false,
          drag: { x: true, y: false, dist: MIN_DRAG, setScale: !this.zoomsByUrl() },
          points: { size: 7, fill: (_, place) => this.colourOf(this.placeOf(place)), stroke: () => colour("chart-surface"), width: 1.5 },
          sync: { key: "page", scales: ["x", null], filters: { pub: (type) => SYNCED.includes(type) } },
        },
        hooks: {
          setCursor: [(plot) => this.tell(plot.cursor.left >= 0 ? plot.cursor.idx : null)],
          setSelect: [(plot) => this.selected(plot)],
        },
      };
    }

    span(first, last) {
      const { times, range } = this.data;
      if (range && this.zoomsByUrl()) return [range.start, range.end];
      // The last bar needs its room, and a single point some around it.
      const isLast = last === times[times.length - 1] && (this.kind === "bars" || first === last);
      return [first, isLast ? last + this.step : last];
    }

    placeOf(seriesIndex) {
      return this.kind === "bars" ? this.data.series.length - seriesIndex : seriesIndex - 1;
    }

    fillOf(place) {
      return `${this.colourOf(place)}${this.kind === "stacked" ? "66" : "24"}`;
    }

    curve(each, place) {
      // A hidden one still carries those above it.
      const stroke = () => (this.hidden.has(place) ? "transparent" : this.colourOf(place));
      if (this.kind === "bars") return { stroke, fill: stroke, width: 0, paths: uPlot.paths.bars({ size: [0.75, 40], align: 1 }), points: { show: false } };
      const isFilled = this.kind === "area" ? !each.dash : this.kind === "stacked" && place === 0;
      // A limit has nothing to tell point by point, and a line needs two.
      const points = each.dash ? { show: () => this.data.times.length === 1 } : {};
      return { stroke, width: 1.75, dash: each.dash ? [6, 4] : undefined, fill: isFilled ? () => this.fillOf(place) : undefined, points };
    }

    // --- words: the legend tells the values at the cursor, or else the newest ---
    drawLegend() {
      this.when = element("span", "bw-chart-when");
      const entries = this.data.series.map((each, place) => {
        const entry = element("button", "bw-plain bw-chart-entry");
        entry.type = "button";
        entry.dataset.place = place;
        entry.setAttribute("aria-pressed", "true");
        entry.title = `Show or hide “${each.label}”`;
        const key = element("span", each.dash ? "bw-chart-key bw-chart-dash" : "bw-chart-key");
        key.style.color = `var(--bw-${each.colour ?? `chart-${(place % COLOURS) + 1}`})`;
        entry.append(key, element("span", "", each.label), element("b", "bw-num", "–"));
        return entry;
      });
      this.legend.replaceChildren(this.when, ...entries);
      this.told = entries.map((entry) => entry.querySelector("b"));
    }

    tell(place) {
      this.place = place;
      const { times, series } = this.data;
      const newest = Math.max(-1, ...series.map((each) => lastKnown(each.values)));
      const at = place ?? newest;
      if (at < 0 || at >= times.length) return;
      const when = place === null ? `Newest, ${this.say(times[at])}` : this.say(times[at]);
      if (this.when.textContent !== when) this.when.textContent = when;
      const values = series.map((each, index) => this.units[index].say(each.values[at]));
      values.forEach((value, index) => { if (this.told[index].textContent !== value) this.told[index].textContent = value; });
      this.plot.setAttribute("aria-valuemax", times.length - 1);
      this.plot.setAttribute("aria-valuenow", at);
      this.plot.setAttribute("aria-valuetext", `${when}: ${series.map((each, index) => `${each.label} ${values[index]}`).join(", ")}`);
    }

    toggle(event) {
      const entry = event.target.closest("[data-place]");
      if (!entry || !this.uplot) return;
      const place = Number(entry.dataset.place);
      if (!this.hidden.delete(place)) this.hidden.add(place);
      entry.setAttribute("aria-pressed", String(!this.hidden.has(place)));
      this.uplot.setData(this.numbers(), !this.isZoomed());
    }

    // --- keys: an arrow moves the cursor by a point ---
    press(event) {
      const { times } = this.data;
      const last = times.length - 1;
      const now = this.place ?? last;
      const by = event.shiftKey ? FAST_STEPS : 1;
      const goals = { ArrowLeft: now - by, ArrowRight: now + by, ArrowDown: now - by, ArrowUp: now + by, Home: 0, End: last };
      if (event.key === "Escape") this.point(null);
      else if (event.key in goals && this.uplot && last >= 0) this.point(Math.min(Math.max(goals[event.key], 0), last));
      else return;
      event.preventDefault();
    }

    point(place) {
      if (!this.uplot) return;
      const left = place === null ? -10 : this.uplot.valToPos(this.data.times[place], "x");
      this.uplot.setCursor({ left, top: place === null ? -10 : this.uplot.over.clientHeight / 2 }, true, true);
      this.tell(place);
    }

    // --- zoom: into the page's own URL where the server reads the range from there, else in the chart alone ---
    zoomsByUrl() {
      return "zoom" in this.figure.dataset;
    }

    isZoomed() {
      if (!this.uplot || this.zoomsByUrl()) return false;
      const { min, max } = this.uplot.scales.x;
      const before = this.uplot.data[0];
      return min > before[0] || max < before[before.length - 1];
    }

    selected(plot) {
      const { left, width } = plot.select;
      if (!this.zoomsByUrl() || width < MIN_DRAG) return;
      const from = plot.posToVal(left, "x");
      const to = plot.posToVal(left + width, "x");
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      zoomTo(from, to);
    }

    // --- the same as a table, for who cannot see curves, or wants to copy numbers ---
    fillTable() {
      if (!this.details?.open) return;
      const { times, series } = this.data;
      const table = element("table", "table table-sm bw-table");
      const head = table.createTHead().insertRow();
      for (const name of ["Time", ...series.map((each) => each.label)]) {
        const cell = element("th", name === "Time" ? "" : "text-end", name);
        cell.scope = "col";
        head.append(cell);
      }
      const body = table.createTBody();
      for (let at = times.length - 1; at >= 0; at -= 1) {
        if (series.every((each) => each.values[at] === null)) continue;
        const row = body.insertRow();
        const time = element("th", "bw-nowrap", this.say(times[at]));
        time.scope = "row";
        row.append(time);
        series.forEach((each, place) => { row.append(element("td", "text-end bw-num", this.units[place].say(each.values[at]))); });
      }
      this.table.replaceChildren(table);
    }

    fit() {
      if (!this.plot.clientWidth || this.isEmpty) return;
      if (!this.uplot) this.draw();
      else if (this.uplot.width !== this.plot.clientWidth) this.uplot.setSize({ width: this.plot.clientWidth, height: this.height });
    }

    repaint() {
      this.uplot?.redraw(false);
    }

    destroy() {
      this.resized.disconnect();
      this.uplot?.destroy();
    }
  }

  // The address says what is shown, so a view can be sent to somebody, and Back leads out again.
  async function zoomTo(from, to) {
    const url = new URL(location.href);
    url.searchParams.set("from", moment(Math.floor(from)));
    url.searchParams.set("to", moment(Math.ceil(to)));
    history.pushState({ htmx: true }, "", url);
    const regions = [...document.querySelectorAll("[data-live]")].map((each) => each.id);
    await htmx.ajax("GET", url.pathname + url.search, {
      source: document.body, target: document.body, swap: "none", headers: { "X-Live-Regions": regions.join(" ") },
    });
  }

  const moment = (seconds) => new Date(seconds * 1000).toISOString().replace(".000", "");

  function readAll() {
    for (const [figure, chart] of charts) {
      if (figure.isConnected && chart.plot.isConnected) continue;
      chart.destroy();
      charts.delete(figure);
    }
    for (const figure of document.querySelectorAll("figure[data-chart]")) {
      if (charts.has(figure)) charts.get(figure).read();
      else charts.set(figure, new Chart(figure));
    }
  }

  document.addEventListener("htmx:after:swap", readAll);
  new MutationObserver(() => charts.forEach((chart) => chart.repaint()))
    .observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  readAll();
})();
