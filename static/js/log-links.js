// Permalinks of a log: #L12 is a line, #L12-L20 are several. A click on a number makes the one, with Shift the other.
"use strict";
(() => {
  const SHAPE = /^#L(\d{1,12})(?:-L?(\d{1,12}))?$/;

  // The lines that the address names, the first and the last; null if it names none.
  function named() {
    const found = SHAPE.exec(location.hash);
    if (!found) return null;
    const ends = [Number(found[1]), Number(found[2] ?? found[1])].sort((a, b) => a - b);
    return { first: Math.max(1, ends[0]), last: Math.max(1, ends[1]) };
  }

  class LogLinks {
    constructor(view) {
      this.view = view;
      this.shown = named();
      view.lines.addEventListener("click", (event) => this.clicked(event));
    }

    clicked(event) {
      const link = event.target.closest(".bw-ln");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const number = Number(link.parentElement.dataset.n);
      const from = event.shiftKey && this.shown ? this.shown.anchor ?? this.shown.first : number;
      this.shown = { first: Math.min(from, number), last: Math.max(from, number), anchor: from };
      const hash = this.shown.first === this.shown.last ? `#L${number}` : `#L${this.shown.first}-L${this.shown.last}`;
      // The attempt is named as well: another one that begins later does not take its place.
      history.replaceState(history.state, "", this.view.card.dataset.logHere + hash);
      this.paint();
    }

    // The address was changed: by a link, or by hand.
    renew() {
      this.shown = named();
      return this.shown;
    }

    paint() {
      for (const row of this.view.lines.querySelectorAll(".bw-ll-here")) row.classList.remove("bw-ll-here");
      if (!this.shown) return;
      for (const row of this.view.lines.children) {
        const number = Number(row.dataset.n);
        if (number >= this.shown.first && number <= this.shown.last) row.classList.add("bw-ll-here");
      }
    }
  }

  window.batchweb.LogLinks = LogLinks;
})();
