// The log viewer: a window of at most MAX_ROWS rows on a log of any length. It follows the end until the viewer
// scrolls up, and loads pages above and below as they are scrolled to.
"use strict";
(() => {
  const PAGE = 500;
  const MAX_ROWS = 4000;
  const FOLLOWED_ROWS = 1000;
  const NEAR = 600;
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function remembered(name, usual) {
    try { return (localStorage.getItem(`batchweb-log-${name}`) ?? usual) === "1"; } catch { return usual === "1"; }
  }
  function remember(name, on) {
    try { localStorage.setItem(`batchweb-log-${name}`, on ? "1" : "0"); } catch { /* private mode */ }
  }

  class LogView {
    constructor(card) {
      this.card = card;
      this.box = card.querySelector("[data-log-box]");
      this.lines = card.querySelector("[data-log-lines]");
      this.more = card.querySelector("[data-log-more]");
      this.first = 1;      // number of the first row shown
      this.last = 0;       // number of the last row shown
      this.count = 0;      // how many lines the log has, as far as is known
      this.complete = false;
      this.sticks = true;
      this.loading = false;
      this.unseen = 0;
      this.stream = null;
      this.moved = null;   // where the box was last put by this script
      this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
      this.more.addEventListener("click", () => this.toEnd());
      this.toggle("times", "bw-log-times", "0");
      this.toggle("wrap", "bw-log-wrap", "1");
      this.start();
    }

    toggle(name, className, usual) {
      const button = this.card.querySelector(`[data-log-${name}]`);
      const apply = (on) => {
        this.box.classList.toggle(className, on);
        button.setAttribute("aria-pressed", String(on));
        if (this.sticks) this.bottom();
      };
      apply(remembered(name, usual));
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        remember(name, on);
        apply(on);
      });
    }

    async start() {
      const wanted = /^#L(\d{1,12})$/.exec(location.hash);
      if (wanted) {
        this.sticks = false;
        await this.show(Math.max(1, Number(wanted[1]) - PAGE / 2));
        this.point();
      } else {
        await this.show(null);
        this.bottom();
      }
      if (!this.complete) this.follow();
    }

    // Loads a page: from line `start` on, or the newest lines for null. Gives null if the server did not answer.
    async load(start) {
      const query = new URLSearchParams({ limit: String(PAGE) });
      if (start !== null) query.set("start", String(start));
      try {
        const response = await fetch(`${this.card.dataset.logRows}?${query}`, { headers: { Accept: "application/json" } });
        if (!response.ok) throw new Error(String(response.status));
        return await response.json();
      } catch {
        return null;
      }
    }

    async show(start) {
      const page = await this.load(start);
      if (!page) return;
      this.lines.replaceChildren(...this.rows(page.html));
      this.first = page.first;
      this.last = page.last;
      this.state(page);
    }

    rows(html) {
      const template = document.createElement("template");
      template.innerHTML = html;
      for (const time of template.content.querySelectorAll("time")) {
        const at = new Date(time.dateTime);
        time.textContent = clock.format(at);
        time.title = full.format(at);
      }
      return [...template.content.children];
    }

    state(news) {
      this.count = Math.max(this.count, news.line_count, this.last);
      this.complete = news.complete;
      const text = `${this.count.toLocaleString()} ${this.count === 1 ? "line" : "lines"}`;
      this.card.querySelector("[data-log-count]").textContent = this.count ? text : "";
      const empty = this.card.querySelector("[data-log-empty]");
      empty.hidden = this.count > 0;
      // The card is kept when its surroundings are renewed, so that the end has to be told here.
      if (this.complete && empty.dataset.logEmpty === "open") empty.textContent = "This attempt wrote nothing.";
      const notice = this.card.querySelector("[data-log-notice]");
      notice.hidden = !news.notice;
      notice.textContent = news.notice;
    }

    follow() {
      this.stream?.close();
      // While older lines are looked at, only the number of new ones is of interest, but they are
      // read from the same stream: it goes on where the log's known end is.
      const after = this.sticks ? this.last : Math.max(this.last, this.count);
      const stream = new EventSource(`${this.card.dataset.logLive}?skip=1&after=${after}`);
      this.stream = stream;
      stream.addEventListener("lines", (event) => this.arrived(JSON.parse(event.data)));
      stream.addEventListener("end", (event) => { this.state(JSON.parse(event.data)); stream.close(); });
      stream.addEventListener("error", () => {
        // The browser reconnects by itself unless the server refused; then there is nothing to follow.
        if (stream.readyState === EventSource.CLOSED && this.card.isConnected) {
          setTimeout(() => { if (this.card.isConnected && !this.complete) this.follow(); }, 5000);
        }
      });
    }

    arrived(batch) {
      if (!this.card.isConnected) { this.stream.close(); return; }
      const isNext = batch.first <= this.last + 1;
      if (this.sticks && !isNext) {
        // The log grew faster than it is read: what was left out loads when one scrolls up.
        this.lines.replaceChildren(...this.rows(batch.html));
        this.first = batch.first;
        this.last = batch.last;
      } else if (isNext && batch.last > this.last && (this.sticks || this.last - this.first < MAX_ROWS - PAGE)) {
        const fresh = this.rows(batch.html);
        this.lines.append(...fresh.filter((row) => Number(row.dataset.n) > this.last));
        this.last = batch.last;
        if (this.sticks) this.keepNewest();
      }
      const before = this.count;
      this.state(batch);
      if (this.sticks) this.bottom();
      else this.tellUnseen(batch.last - before);
    }

    tellUnseen(added) {
      this.unseen += Math.max(0, added);
      this.more.hidden = this.sticks || (this.unseen === 0 && this.last >= this.count);
      const words = this.unseen ? `${this.unseen.toLocaleString()} new ${this.unseen === 1 ? "line" : "lines"}` : "To the end";
      this.more.querySelector("span").textContent = words;
    }

    // Who follows goes on following while rows are still on their way.
    isAtEnd() {
      const isAtBottom = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 30;
      return isAtBottom && (this.sticks || this.last >= this.count);
    }

    bottom() {
      this.moveTo(this.box.scrollHeight);
    }

    // Scrolls without it being taken for the viewer's own scrolling, which may come in the same event.
    moveTo(top) {
      this.box.scrollTop = top;
      this.moved = this.box.scrollTop;
    }

    async scrolled() {
      if (this.box.scrollTop === this.moved) return;
      this.moved = null;
      this.sticks = this.isAtEnd();
      if (this.sticks) this.unseen = 0;
      this.tellUnseen(0);
      if (this.loading) return;
      if (this.box.scrollTop < NEAR && this.first > 1) await this.earlier();
      else if (this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR && this.last < this.count) await this.later();
    }

    async earlier() {
      this.loading = true;
      const start = Math.max(1, this.first - PAGE);
      const page = await this.load(start);
      this.loading = false;
      if (!page) return;
      const fresh = this.rows(page.html).filter((row) => Number(row.dataset.n) < this.first);
      const height = this.box.scrollHeight;
      const top = this.box.scrollTop;
      this.lines.prepend(...fresh);
      this.first = start;
      // The rows that were in view stay where they are.
      this.moveTo(top + this.box.scrollHeight - height);
      while (this.lines.childElementCount > MAX_ROWS) this.lines.lastElementChild.remove();
      this.last = Number(this.lines.lastElementChild?.dataset.n ?? 0);
    }

    async later() {
      this.loading = true;
      const page = await this.load(this.last + 1);
      this.loading = false;
      if (!page) return;
      this.lines.append(...this.rows(page.html).filter((row) => Number(row.dataset.n) > this.last));
      this.last = Math.max(this.last, page.last);
      this.state(page);
      this.trimTop();
    }

    // Nothing is measured here, which would lay out every row: the box is put to its end afterwards anyway.
    keepNewest() {
      const excess = this.lines.childElementCount - FOLLOWED_ROWS;
      if (excess <= 0) return;
      const oldest = document.createRange();
      oldest.setStart(this.lines, 0);
      oldest.setEnd(this.lines, excess);
      oldest.deleteContents();
      this.first = Number(this.lines.firstElementChild.dataset.n);
    }

    trimTop() {
      const excess = this.lines.childElementCount - MAX_ROWS;
      if (excess <= 0) return;
      const height = this.box.scrollHeight;
      const top = this.box.scrollTop;
      for (let i = 0; i < excess; i += 1) this.lines.firstElementChild.remove();
      this.first = Number(this.lines.firstElementChild.dataset.n);
      this.moveTo(Math.max(0, top - (height - this.box.scrollHeight)));
    }

    async toEnd() {
      this.sticks = true;
      this.unseen = 0;
      if (this.last < this.count) await this.show(null);
      this.bottom();
      this.tellUnseen(0);
      if (!this.complete) this.follow();
    }

    // Goes to the row that the address names.
    point() {
      const row = this.lines.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`);
      if (!row) return;
      for (const other of this.lines.querySelectorAll(".bw-ll-here")) other.classList.remove("bw-ll-here");
      row.classList.add("bw-ll-here");
      row.scrollIntoView({ block: "center" });
    }
  }

  const views = new WeakMap();
  function begin() {
    for (const card of document.querySelectorAll("[data-log]")) {
      if (!views.has(card)) views.set(card, new LogView(card));
    }
  }
  window.addEventListener("hashchange", () => {
    const card = document.querySelector("[data-log]");
    const view = card && views.get(card);
    const wanted = /^#L(\d{1,12})$/.exec(location.hash);
    if (!view || !wanted) return;
    view.sticks = false;
    const number = Number(wanted[1]);
    if (number >= view.first && number <= view.last) view.point();
    else view.show(Math.max(1, number - PAGE / 2)).then(() => view.point());
  });
  document.addEventListener("htmx:after:swap", begin);
  begin();
})();
