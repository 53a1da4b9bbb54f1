// The log viewer: its window (log-window.js) follows the end until the viewer scrolls up. With a filter its rows are of
// lines that match. log-find.js searches, log-links.js points.
"use strict";
(() => {
  const RETRY_MS = 5000;
  const { LogFinder, LogLinks, LogWindow } = window.batchweb;
  const { MAX_ROWS, PAGE, numberOf } = LogWindow;

  function remembered(name, usual) {
    try { return (localStorage.getItem(`batchweb-log-${name}`) ?? usual) === "1"; } catch { return usual === "1"; }
  }
  function remember(name, on) {
    try { localStorage.setItem(`batchweb-log-${name}`, on ? "1" : "0"); } catch { /* private mode */ }
  }

  class LogView extends LogWindow {
    constructor(card) {
      super(card);
      this.more = this.part("more");
      this.isOwnPage = "logOwnPage" in card.dataset;
      this.unseen = 0;
      this.stream = null;
      this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
      this.more.addEventListener("click", () => this.toEnd());
      this.toggle("times", "bw-log-times", "0");
      this.toggle("wrap", "bw-log-wrap", "1");
      this.links = new LogLinks(this);
      this.finder = new LogFinder(this, this.part("find"));
      this.part("line").addEventListener("change", (event) => this.goTo(Number(event.target.value) || 1));
      this.part("position").addEventListener("change", (event) => this.goTo(Number(event.target.value)));
      this.part("position").addEventListener("input", (event) => { this.part("line").value = event.target.value; });
      card.addEventListener("keydown", (event) => this.key(event));
      this.start();
    }

    toggle(name, className, usual) {
      const button = this.part(name);
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
      const typed = this.finder.input.value;
      if (this.links.shown) {
        await this.point();
      } else if (typed) {
        this.finder.only.checked = true;
        this.finder.set(typed);
        return;
      } else if (this.lines.childElementCount) {
        this.adopt();
      } else {
        await this.show(null);
        this.bottom();
      }
      if (typed) this.finder.set(typed);
      if (!this.complete) this.follow();
    }

    // The page came with its first rows.
    adopt() {
      const { first, last, count, complete } = this.lines.dataset;
      this.dress(this.lines);
      this.first = Number(first);
      this.last = Number(last);
      this.sticks = this.last >= Number(count);
      this.state({ line_count: Number(count), complete: complete === "1", notice: this.part("notice").textContent });
      if (this.sticks) this.bottom();
      this.painted();
    }

    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
      const press = (name) => this.part(name).click();
      const keys = {
        "/": () => { this.finder.input.focus(); this.finder.input.select(); },
        n: () => this.finder.go(false),
        N: () => this.finder.go(true),
        m: () => this.finder.toggleOnly(),
        t: () => press("times"),
        w: () => press("wrap"),
        Home: () => this.goTo(1),
        End: () => this.toEnd(),
      };
      if (!Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    }

    state(news) {
      this.count = Math.max(this.count, news.line_count, this.last);
      this.complete = news.complete;
      const text = `${this.count.toLocaleString()} ${this.count === 1 ? "line" : "lines"}`;
      this.part("count").textContent = this.count ? text : "";
      const empty = this.part("empty");
      empty.hidden = this.count > 0;
      // The card is kept when its surroundings are renewed, so that the end has to be told here.
      if (this.complete && empty.dataset.logEmpty === "open") empty.textContent = "This attempt wrote nothing.";
      const notice = this.part("notice");
      notice.hidden = !news.notice;
      notice.textContent = news.notice;
      this.part("foot").hidden = this.count <= PAGE;
      for (const input of [this.part("line"), this.part("position")]) input.max = String(this.count);
      this.part("total").textContent = this.count.toLocaleString();
      this.finder.grown(this.count);
    }

    // The viewer has gone on, or another attempt's log stands here: a browser has few connections to a server.
    leave() {
      this.stream?.close();
    }

    follow() {
      this.stream?.close();
      if (!this.card.isConnected) return;
      // While older lines are looked at, only the number of new ones is of interest, but they are
      // read from the same stream: it goes on where the log's known end is.
      const after = this.sticks ? this.last : Math.max(this.last, this.count);
      const query = new URLSearchParams({ skip: "1", after: String(after), ...(this.text ? { q: this.text } : {}) });
      const stream = new EventSource(`${this.card.dataset.logLive}?${query}`);
      this.stream = stream;
      stream.addEventListener("lines", (event) => { if (stream === this.stream) this.arrived(JSON.parse(event.data)); });
      stream.addEventListener("end", (event) => { this.state(JSON.parse(event.data)); stream.close(); });
      stream.addEventListener("error", () => {
        // The browser reconnects by itself unless the server refused; then there is nothing to follow.
        if (stream.readyState === EventSource.CLOSED && stream === this.stream) {
          setTimeout(() => { if (stream === this.stream && !this.complete) this.follow(); }, RETRY_MS);
        }
      });
    }

    arrived(batch) {
      const isNext = batch.first <= this.last + 1;
      const before = this.count;
      const fresh = this.rows(batch.html);
      if (this.sticks && !isNext) {
        // The log grew faster than it is read: what was left out loads when one scrolls up.
        this.lines.replaceChildren(...fresh);
        this.first = batch.first;
        this.last = batch.last;
        // Of lines that match, so few may be new that nobody could scroll.
        if (this.text) this.fill();
      } else if (isNext && batch.last > this.last && (this.sticks || this.lines.childElementCount < MAX_ROWS - PAGE)) {
        this.lines.append(...fresh.filter((row) => numberOf(row) > this.last));
        this.last = batch.last;
        if (this.sticks) this.keepNewest();
      }
      this.state(batch);
      this.painted();
      if (this.sticks) this.bottom();
      else this.tellUnseen(this.text ? fresh.filter((row) => numberOf(row) > before).length : batch.last - before);
    }

    // Rows came or went.
    painted() {
      this.links.paint();
      this.finder.paint();
      this.tellPosition();
    }

    tellPosition() {
      if (this.part("foot").hidden || this.part("foot").contains(document.activeElement)) return;
      const line = String(this.sticks ? this.count : this.topLine());
      this.part("line").value = line;
      this.part("position").value = line;
    }

    tellUnseen(added) {
      this.unseen += Math.max(0, added);
      this.more.hidden = this.sticks || (this.unseen === 0 && this.last >= this.count);
      const words = this.unseen ? `${this.unseen.toLocaleString()} new ${this.unseen === 1 ? "line" : "lines"}` : "To the end";
      this.more.querySelector("span").textContent = words;
    }

    scrolled() {
      if (this.box.scrollTop === this.moved) return;
      this.moved = null;
      this.sticks = this.isAtEnd();
      if (this.sticks) this.unseen = 0;
      this.tellUnseen(0);
      this.tellPosition();
      this.fill();
    }

    // Shows only lines with a text, or all again: then what was in view stays in view.
    async filter(text) {
      if (text === this.text) return;
      const line = this.links.shown?.first ?? (this.sticks ? null : this.middleLine());
      const stays = !text && line;
      this.text = text;
      this.stream?.close();
      this.sticks = !stays;
      this.unseen = 0;
      if (stays) await this.goTo(line);
      else await this.show(null);
      if (text !== this.text) return;
      if (this.sticks) this.bottom();
      this.tellUnseen(0);
      await this.fill();
      if (!this.complete && text === this.text) this.follow();
    }

    async toEnd() {
      this.sticks = true;
      this.unseen = 0;
      if (this.last < this.count) await this.show(null);
      this.bottom();
      this.tellUnseen(0);
      this.tellPosition();
      if (!this.complete) this.follow();
      await this.fill();
    }

    // Brings a line into view; with a filter that it does not match, the nearest after it.
    async goTo(number) {
      const line = Math.min(Math.max(1, number), Math.max(1, this.count));
      this.sticks = false;
      if (line < this.first || line > this.last) await this.show(this.text ? line : Math.max(1, line - PAGE / 2));
      const row = [...this.lines.children].find((each) => numberOf(each) >= line);
      if (row) {
        for (const other of this.lines.querySelectorAll(".bw-ll-now")) other.classList.remove("bw-ll-now");
        row.classList.add("bw-ll-now");
        row.scrollIntoView({ block: "center", inline: "nearest" });
        this.moved = null;
      }
      this.tellUnseen(0);
      await this.fill();
    }

    // Goes to the lines that the address names.
    async point() {
      const { first, last } = this.links.shown;
      this.finder.stopFiltering();
      this.sticks = false;
      if (first < this.first || first > this.last) await this.show(Math.max(1, first - PAGE / 2));
      if (first > this.count) {
        await this.show(null);
        this.sticks = true;
        this.bottom();
        window.batchweb.toast(`There is no line ${first.toLocaleString()} yet: the log has ${this.count.toLocaleString()} lines.`, "info");
        return;
      }
      await this.goTo(last - first > 20 ? first + 10 : first);
      this.links.paint();
    }

    // A log's own page says in its address what is looked for.
    remember(text) {
      const query = text ? `?${new URLSearchParams({ q: text })}` : "";
      history.replaceState(history.state, "", location.pathname + query + location.hash);
    }
  }

  const views = new Map();
  function begin() {
    for (const [card, view] of views) {
      if (card.isConnected) continue;
      view.leave();
      views.delete(card);
    }
    for (const card of document.querySelectorAll("[data-log]")) {
      if (!views.has(card)) views.set(card, new LogView(card));
    }
  }
  window.addEventListener("hashchange", () => {
    const view = views.get(document.querySelector("[data-log]"));
    if (view?.links.renew()) view.point();
  });
  document.addEventListener("htmx:after:swap", begin);
  begin();
})();
