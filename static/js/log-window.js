// The log viewer's window: at most MAX_ROWS rows of a log of any length, which loads pages above and below as they are
// scrolled to. `first` and `last` are the ends of what was looked at. log.js tells what its rows mean: it has `state`
// for news of the log, `painted` for rows that came or went, and the `finder`.
"use strict";
(() => {
  const PAGE = 500;
  const MAX_ROWS = 4000;
  const FOLLOWED_ROWS = 1000;
  const NEAR = 600;
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const numberOf = (row) => Number(row?.dataset.n ?? 0);

  class LogWindow {
    static PAGE = PAGE;
    static MAX_ROWS = MAX_ROWS;
    static numberOf = numberOf;

    constructor(card) {
      this.card = card;
      this.part = (name) => card.querySelector(`[data-log-${name}]`);
      this.box = this.part("box");
      this.lines = this.part("lines");
      this.first = 1;      // number of the first line of the window
      this.last = 0;       // number of the last line of the window
      this.count = 0;      // how many lines the log has, as far as is known
      this.complete = false;
      this.sticks = true;
      this.text = "";      // only lines with it are shown; empty: all
      this.epoch = 0;      // answers to what was asked in an earlier one are out of date
      this.loading = false;
      this.moved = null;   // where the box was last put by this script
    }

    // Loads a page of the window's lines. Gives null if the server did not answer, or nobody waits for it any more.
    async load(where) {
      const query = new URLSearchParams({ limit: String(PAGE), ...(this.text ? { q: this.text } : {}), ...where });
      const { epoch } = this;
      try {
        const response = await fetch(`${this.card.dataset.logRows}?${query}`, { headers: { Accept: "application/json" } });
        if (!response.ok) throw new Error(String(response.status));
        const page = await response.json();
        return epoch === this.epoch ? page : null;
      } catch {
        return null;
      }
    }

    // Shows the log from line `start` on, or the newest lines for null.
    async show(start) {
      this.epoch += 1;
      this.loading = false;
      const page = await this.load(start === null ? {} : { start });
      if (!page) return;
      this.lines.replaceChildren(...this.rows(page.html));
      this.first = page.first;
      this.last = page.last;
      this.state(page);
      this.painted();
    }

    rows(html) {
      const template = document.createElement("template");
      template.innerHTML = html;
      this.dress(template.content);
      return [...template.content.children];
    }

    // Times in the viewer's zone.
    dress(rows) {
      for (const time of rows.querySelectorAll("time")) {
        const at = new Date(time.dateTime);
        time.textContent = clock.format(at);
        time.title = full.format(at);
      }
    }

    below() {
      return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
    }

    // Who follows goes on following while rows are still on their way.
    isAtEnd() {
      return this.below() < 30 && (this.sticks || this.last >= this.count);
    }

    bottom() {
      this.moveTo(this.box.scrollHeight);
    }

    // Scrolls without it being taken for the viewer's own scrolling, which may come in the same event.
    moveTo(top) {
      this.box.scrollTop = top;
      this.moved = this.box.scrollTop;
    }

    // Loads what is missing around what is in view: with a filter a page may bring few rows, or none.
    async fill() {
      if (this.loading) return;
      this.loading = true;
      const { epoch } = this;
      let goesOn = true;
      while (goesOn && epoch === this.epoch) {
        if (this.box.scrollTop < NEAR && this.first > 1) goesOn = await this.earlier();
        else if (!this.sticks && this.below() < NEAR && this.last < this.count) goesOn = await this.later();
        else goesOn = false;
        if (this.text) this.finder.tellCount();
      }
      if (epoch === this.epoch) this.loading = false;
    }

    async earlier() {
      const page = await this.load({ before: String(this.first) });
      if (!page || page.first >= this.first) return false;
      const fresh = this.rows(page.html).filter((row) => numberOf(row) < this.first);
      const height = this.box.scrollHeight;
      const top = this.box.scrollTop;
      this.lines.prepend(...fresh);
      this.first = page.first;
      // The rows that were in view stay where they are.
      if (this.sticks) this.bottom();
      else this.moveTo(top + this.box.scrollHeight - height);
      if (this.lines.childElementCount > MAX_ROWS) {
        while (this.lines.childElementCount > MAX_ROWS) this.lines.lastElementChild.remove();
        this.last = numberOf(this.lines.lastElementChild);
      }
      this.painted();
      return true;
    }

    async later() {
      const page = await this.load({ start: String(this.last + 1) });
      if (!page || page.last <= this.last) return false;
      this.lines.append(...this.rows(page.html).filter((row) => numberOf(row) > this.last));
      this.last = page.last;
      this.state(page);
      this.trimTop();
      this.painted();
      return true;
    }

    // Nothing is measured here, which would lay out every row: the box is put to its end afterwards anyway.
    keepNewest() {
      const excess = this.lines.childElementCount - FOLLOWED_ROWS;
      if (excess <= 0) return;
      const oldest = document.createRange();
      oldest.setStart(this.lines, 0);
      oldest.setEnd(this.lines, excess);
      oldest.deleteContents();
      this.first = numberOf(this.lines.firstElementChild);
    }

    trimTop() {
      const excess = this.lines.childElementCount - MAX_ROWS;
      if (excess <= 0) return;
      const height = this.box.scrollHeight;
      const top = this.box.scrollTop;
      for (let i = 0; i < excess; i += 1) this.lines.firstElementChild.remove();
      this.first = numberOf(this.lines.firstElementChild);
      this.moveTo(Math.max(0, top - (height - this.box.scrollHeight)));
    }

    rowAt(y) {
      const { top } = this.box.getBoundingClientRect();
      const rows = this.lines.children;
      let low = 0;
      let high = rows.length - 1;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (rows[middle].getBoundingClientRect().bottom > top + y) high = middle;
        else low = middle + 1;
      }
      return numberOf(rows[low]);
    }

    topLine() { return this.rowAt(2) || this.first; }
    middleLine() { return this.rowAt(this.box.clientHeight / 2) || this.first; }

    bottomLine() { return this.rowAt(this.box.clientHeight - 2) || this.last; }
  }

  window.batchweb.LogWindow = LogWindow;
})();
