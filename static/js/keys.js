// Keys that every page shares; the dialog of `?` (templates/includes/keys.html) lists them.
// Each only does what a link, button or box on the page does as well.
"use strict";
(() => {
  const STORED = "batchweb-keys";
  const SECOND_KEY_MS = 1500;
  const LINKS = "a[href]:not([data-opens])";
  let going = 0;

  // WCAG 2.1.4: who speaks to his computer must be able to switch keys of one character off.
  const areOn = () => {
    try { return localStorage.getItem(STORED) !== "off"; } catch { return true; }
  };

  const isTyping = (element) =>
    element.isContentEditable
    || element.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range])");

  // Rows that lead somewhere, as far as they are on show.
  const rows = () =>
    [...document.querySelectorAll("main .bw-table > tbody > tr")].filter((row) => row.querySelector(LINKS) && row.offsetParent !== null);
  const focusedRow = () => document.activeElement?.closest("main .bw-table > tbody > tr");

  function move(step) {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(focusedRow());
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
    const link = next.querySelector(LINKS);
    link.focus({ focusVisible: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  // A click as the mouse makes it: with Shift it marks all from the row before (marks.js).
  function mark({ shiftKey }) {
    const box = focusedRow()?.querySelector("input[type=checkbox]");
    box?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey }));
    return Boolean(box);
  }

  function focusOn(selector) {
    const field = document.querySelector(selector);
    if (!field) return false;
    field.focus();
    field.select?.();
    return true;
  }

  function follow(selector) {
    const link = document.querySelector(selector);
    link?.click();
    return Boolean(link);
  }

  function help() {
    document.getElementById("keys-dialog").showModal();
    return true;
  }

  const KEYS = {
    "/": () => focusOn("[data-search]"),
    f: () => focusOn("main [data-search]"),
    j: () => move(1),
    k: () => move(-1),
    x: mark,
    X: mark,
    "]": () => follow(".bw-pagination a[rel=next]"),
    "[": () => follow(".bw-pagination a:not([rel=next])"),
    "?": help,
    g: () => { going = performance.now(); return true; },
  };

  function leave(target) {
    const menu = document.querySelector(".bw-menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    } else if (isTyping(target)) {
      target.blur();
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") leave(event.target);
    if (isTyping(event.target) || !areOn()) return;
    const second = going && performance.now() - going < SECOND_KEY_MS;
    going = 0;
    const done = second
      ? /^[a-z]$/.test(event.key) && follow(`[data-go="${event.key}"]`)
      : Object.hasOwn(KEYS, event.key) && KEYS[event.key](event);
    if (done) event.preventDefault();
  });

  const box = document.querySelector("[data-keys-on]");
  if (box) {
    box.checked = areOn();
    box.addEventListener("change", () => {
      try { localStorage.setItem(STORED, box.checked ? "on" : "off"); } catch { /* Kept for this page alone. */ }
    });
  }
})();
