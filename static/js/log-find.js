// Finds text in the log: how many lines match (counted through the whole log, step by step), the next and the
// previous one, and only those that match. New lines are counted as they come.
"use strict";
(() => {
  const MOST = 1000;        // as many are counted; beyond that it is "1,000+"
  const TYPING_MS = 250;
  const GROWN_MS = 500;
  const MAX_MARKS = 5000;
  const HIGHLIGHT = "bw-log-find";

  class LogFinder {
    constructor(view, form) {
      this.view = view;
      this.form = form;
      this.input = form.querySelector("[data-log-query]");
      this.only = form.querySelector("[data-log-only]");
      this.told = form.querySelector("[data-log-found]");
      this.text = "";
      this.current = 0;      // the line that was gone to last
      this.timer = 0;
      this.forget();
      this.input.addEventListener("input", () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.set(this.input.value), TYPING_MS);
      });
      this.only.addEventListener("change", () => this.filter());
      form.addEventListener("submit", (event) => { event.preventDefault(); this.go(false); });
      form.querySelector("[data-log-next]").addEventListener("click", () => this.go(false));
      form.querySelector("[data-log-previous]").addEventListener("click", () => this.go(true));
      form.querySelector("[data-log-stderr]").addEventListener("click", () => this.goToStderr());
      this.input.addEventListener("keydown", (event) => this.key(event));
    }

    key(event) {
      if (event.key === "Enter") {
        event.preventDefault();
        this.go(event.shiftKey);
      } else if (event.key === "Escape") {
        event.preventDefault();
        this.input.value = "";
        this.set("");
        this.view.box.focus();
      }
    }

    forget() {
      this.steps?.abort();
      this.steps = new AbortController();
      this.lines = [];       // numbers of lines that match, from the first on
      this.scanned = 0;      // up to this line they are counted
      this.counting = false;
      this.current = 0;
    }

    // Looks for another text; an empty one for nothing.
    set(value) {
      clearTimeout(this.timer);
      const text = value.trim() ? value : "";
      if (text === this.text) return;
      this.text = text;
      this.forget();
      this.paint();
      this.filter();
      this.tell("");
      if (text) this.count();
      if (this.view.isOwnPage) this.view.remember(text);
    }

    filter() {
      this.view.filter(this.only.checked ? this.text : "");
    }

    stopFiltering() {
      if (!this.only.checked) return;
      this.only.checked = false;
      this.filter();
    }

    toggleOnly() {
      this.only.checked = !this.only.checked;
      this.filter();
    }

    // One step of the search; null if the server did not answer, or nobody waits for it any more.
    async step(where) {
      const query = new URLSearchParams({ ...(where.source ? {} : { q: this.text }), ...where });
      const { signal } = this.steps;
      try {
        const response = await fetch(`${this.view.card.dataset.logSearch}?${query}`, { headers: { Accept: "application/json" }, signal });
        if (!response.ok) throw new Error(String(response.status));
        const found = await response.json();
        return signal.aborted ? null : found;
      } catch {
        if (!signal.aborted) this.tell("The server did not answer. Try again.");
        return null;
      }
    }

    async count() {
      if (this.counting || !this.text) return;
      this.counting = true;
      const { signal } = this.steps;
      while (this.lines.length < MOST) {
        const found = await this.step({ start: this.scanned + 1, limit: MOST - this.lines.length });
        if (!found) { if (!signal.aborted) this.counting = false; return; }
        const isEnd = found.last <= this.scanned || found.last >= found.line_count;
        this.lines.push(...found.lines);
        this.scanned = Math.max(this.scanned, found.last);
        if (isEnd) break;
        this.tell(`${this.amount()} so far, at line ${this.scanned.toLocaleString()}`, true);
      }
      this.counting = false;
      this.tellCount();
    }

    amount() {
      const many = this.lines.length >= MOST ? `${MOST.toLocaleString()}+` : this.lines.length.toLocaleString();
      return `${many} ${this.lines.length === 1 ? "line" : "lines"}`;
    }

    tellCount() {
      if (!this.text) { this.tell(""); return; }
      const place = this.current ? this.lines.indexOf(this.current) + 1 : 0;
      if (place) this.tell(`${place.toLocaleString()} of ${this.amount()}`);
      else this.tell(this.lines.length ? this.amount() : "No line matches");
    }

    tell(text, isBusy = false) {
      if (this.told.textContent !== text) this.told.textContent = text;
      this.told.setAttribute("aria-busy", String(isBusy));
    }

    // The log grew: what is new is counted as well.
    grown(count) {
      if (!this.text || count <= this.scanned || this.lines.length >= MOST || this.counting) return;
      clearTimeout(this.later);
      this.later = setTimeout(() => this.count(), GROWN_MS);
    }

    // To the next line that matches, or the previous; beyond the end it goes on from the other.
    async go(backward) {
      this.set(this.input.value);
      if (!this.text) { this.input.focus(); return; }
      const from = this.current || (backward ? this.view.bottomLine() + 1 : this.view.topLine() - 1);
      const line = (await this.nearest(from, backward)) ?? (await this.nearest(backward ? this.view.count + 1 : 0, backward));
      if (!line) { if (line === null) this.tellCount(); return; }
      this.current = line;
      await this.view.goTo(line);
      this.tellCount();
    }

    // To the next line on standard error, whatever is looked for; beyond the end it goes on from the first.
    async goToStderr() {
      const source = { source: "stderr" };
      const from = this.currentStderr ?? this.view.topLine() - 1;
      const line = (await this.nearest(from, false, source)) ?? (await this.nearest(0, false, source));
      if (line === null) this.tell("Nothing on standard error");
      if (!line) return;
      this.currentStderr = line;
      await this.view.goTo(line);
      this.tellCount();
    }

    // The number of the nearest line that matches, beyond `from`; null if there is none, undefined if asked in vain.
    async nearest(from, backward, more = {}) {
      let at = from;
      for (;;) {
        if (backward ? at <= 1 : at >= Math.max(this.view.count, 1)) return null;
        const found = await this.step({ ...more, ...(backward ? { before: at } : { start: at + 1 }), limit: 1 });
        if (!found) return undefined;
        if (found.lines.length) return found.lines[0];
        const next = backward ? found.first : found.last;
        if (next === at || (backward ? next <= 1 : next >= found.line_count)) return null;
        at = next;
        this.tell(`Looking at line ${at.toLocaleString()}`, true);
      }
    }

    // Marks the text in the rows that are there, without touching them.
    paint() {
      if (!CSS.highlights || this.painting) return;
      this.painting = requestAnimationFrame(() => {
        this.painting = 0;
        if (!this.text) { CSS.highlights.delete(HIGHLIGHT); return; }
        CSS.highlights.set(HIGHLIGHT, new Highlight(...this.marks(this.text.toLowerCase())));
      });
    }

    marks(needle) {
      const marks = [];
      for (const line of this.view.lines.querySelectorAll(".bw-lx")) {
        const text = line.textContent.toLowerCase();
        for (let at = text.indexOf(needle); at >= 0 && marks.length < MAX_MARKS; at = text.indexOf(needle, at + needle.length)) {
          const range = rangeOf(line, at, at + needle.length);
          if (range) marks.push(range);
        }
      }
      return marks;
    }
  }

  // Characters `start` to `end` of an element's text, over whatever elements they spread.
  function rangeOf(element, start, end) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    let at = 0;
    let begun = false;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const after = at + node.length;
      if (!begun && start < after) { range.setStart(node, start - at); begun = true; }
      if (begun && end <= after) { range.setEnd(node, end - at); return range; }
      at = after;
    }
    return null;
  }

  window.batchweb.LogFinder = LogFinder;
})();
