// Small comforts that every page shares. Each page works without them.
"use strict";
(() => {
  const TOAST_SECONDS = 8;
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

  function relative(seconds) {
    const amount = Math.abs(Math.trunc(seconds));
    for (const [size, unit] of UNITS) {
      if (amount >= size) {
        const text = `${Math.floor(amount / size)} ${unit}`;
        return seconds < 0 ? `in ${text}` : `${text} ago`;
      }
    }
    if (amount < 10) return seconds < 0 && amount ? "in a moment" : "just now";
    return seconds < 0 ? `in ${amount} s` : `${amount} s ago`;
  }

  function duration(seconds) {
    const whole = Math.max(0, Math.trunc(seconds));
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
    return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
  }

  // As jobs/web/tags.py writes dollars.
  function usd(amount) {
    if (amount === 0) return "$0";
    if (amount > 0 && amount < 0.000001) return "< $0.000001";
    if (amount >= 1) return "$" + amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    return "$" + amount.toFixed(amount >= 0.001 ? 4 : 6);
  }

  // Writes only what changed, so that a selection in the text is not lost.
  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

  // The server's clock decides: a viewer's own may be wrong by minutes.
  const skew = (() => {
    const entry = performance.getEntriesByType("navigation")[0];
    const sent = document.body.dataset.now ? Date.parse(document.body.dataset.now) : NaN;
    if (!entry || Number.isNaN(sent)) return 0;
    return sent - (performance.timeOrigin + entry.responseStart);
  })();
  const now = () => Date.now() + skew;

  function refreshTimes() {
    for (const element of document.querySelectorAll("time[data-ago], time[data-clock]")) {
      const at = new Date(element.dateTime);
      const title = full.format(at);
      if (element.title !== title) element.title = title;
      const passed = (now() - at.getTime()) / 1000;
      // What is expected is never over: it is a guess.
      if ("ago" in element.dataset) setText(element, relative(element.dataset.ago === "ahead" ? Math.min(passed, -1) : passed));
      else setText(element, clock.format(at));
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      const seconds = (now() - Date.parse(element.dataset.since)) / 1000;
      if (element.dataset.usdPerSecond) {
        const least = Number(element.dataset.minimumSeconds || 0);
        const billed = Math.max(Math.ceil(seconds), least);
        setText(element, usd(Number(element.dataset.usdBase || 0) + billed * Number(element.dataset.usdPerSecond)));
      } else {
        setText(element, duration(seconds));
      }
    }
  }

  function toast(text, kind) {
    const box = document.createElement("div");
    box.className = `bw-toast bw-toast-${kind}`;
    box.dataset.toast = "";
    const words = document.createElement("span");
    words.textContent = text;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "bw-plain";
    button.dataset.dismiss = "";
    button.setAttribute("aria-label", "Dismiss");
    button.textContent = "×";
    box.append(words, button);
    document.getElementById("toasts").append(box);
  }

  // What only confirms leaves by itself, unless it is being read; what warns stays until it is dismissed.
  function ageToasts() {
    for (const box of document.querySelectorAll(".bw-toast-success, .bw-toast-info")) {
      if (box.matches(":hover, :focus-within")) continue;
      box.secondsShown = (box.secondsShown ?? 0) + 1;
      if (box.secondsShown > (Number(box.dataset.seconds) || TOAST_SECONDS)) box.remove();
    }
  }

  // Copies the text of `data-copy`, or of the element that `data-copy-of` names.
  async function copy(button) {
    const text = button.dataset.copy ?? document.getElementById(button.dataset.copyOf).textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // No clipboard on plain http: the old way still works.
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "bw-offscreen";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.classList.add("bw-copied");
    setTimeout(() => button.classList.remove("bw-copied"), 1200);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-copy-of], [data-dismiss], [data-opens], [data-closes], [data-add-row], [data-remove-row]");
    for (const menu of document.querySelectorAll(".bw-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (!target) return;
    if ("copy" in target.dataset || "copyOf" in target.dataset) copy(target);
    else if ("dismiss" in target.dataset) target.closest("[data-toast]")?.remove();
    else if ("opens" in target.dataset) {
      // The element is a link to a page that does the same; with JavaScript a dialog is nearer.
      const dialog = document.getElementById(target.dataset.opens);
      // All that match are asked about on a page of their own, which counts them.
      const asksElsewhere = target.form?.querySelector("[data-bulk-all]:checked");
      if (dialog?.showModal && !asksElsewhere) {
        event.preventDefault();
        dialog.showModal();
      }
    } else if ("closes" in target.dataset) {
      event.preventDefault();
      target.closest("dialog")?.close();
    } else if ("addRow" in target.dataset) {
      event.preventDefault();
      const template = document.getElementById(target.dataset.addRow);
      const row = template.content.firstElementChild.cloneNode(true);
      template.before(row);
      row.querySelector("input")?.focus();
    } else if ("removeRow" in target.dataset) {
      event.preventDefault();
      const form = target.form;
      target.closest("[data-row]").remove();
      form?.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("select")) showChosen();
    const form = event.target.form;
    if (form && "submitOnChange" in form.dataset && event.target.matches("select")) form.requestSubmit();
  });

  // What was told of a form's fields says nothing of others.
  document.addEventListener("input", (event) => {
    for (const told of event.target.form?.querySelectorAll("[data-until-changed]") ?? []) told.remove();
  });

  // An address that somebody shares has only the filters that are set.
  document.addEventListener("formdata", (event) => {
    if (!("dropEmpty" in event.target.dataset)) return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  // Fields that only some choices of a select need are shown with those, and sent with them alone.
  function showChosen() {
    for (const part of document.querySelectorAll("[data-shown-by]")) {
      const chosen = document.getElementById(part.dataset.shownBy).value;
      part.hidden = !part.dataset.shownFor.split(" ").includes(chosen);
      for (const field of part.querySelectorAll("input, select")) field.disabled = part.hidden;
    }
  }

  // What asks for a name is opened to fill it in. `toggle` does not bubble.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches(".bw-save-view[open]")) event.target.querySelector("input:not([type=hidden])")?.focus();
  }, true);

  // Enter in a field that offers choices takes one; where none is offered it would send the form unasked.
  document.addEventListener("submit", (event) => {
    if (document.activeElement.matches("[name=depends_on_job]")) event.preventDefault();
  }, true);

  // What is shown once, in the answer to the first click, must not be lost to a second.
  document.addEventListener("submit", (event) => {
    if (!("once" in event.target.dataset)) return;
    if (event.target.dataset.once === "sent") event.preventDefault();
    event.target.dataset.once = "sent";
  });
  window.addEventListener("pageshow", (event) => {
    // Who comes back to the page as it was may send it again; one that has just been loaded was not sent yet.
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("[data-once]")) form.dataset.once = "";
  });

  // A form that came back leads to what is wrong first.
  function showWrong() {
    if (performance.getEntriesByType("navigation")[0]?.responseStatus !== 400) return;
    const errors = document.querySelector(".bw-field-errors:has(p)");
    if (!errors) return;
    errors.closest("details")?.setAttribute("open", "");
    const told = document.querySelector(`[aria-describedby~="${errors.id}"]`) ?? errors;
    (told.matches("fieldset") ? told.querySelector("input:not([type=hidden]), button") ?? errors : told).focus();
    errors.scrollIntoView({ block: "center" });
  }

  // Of a row that is cut on a narrow screen, what is chosen is on show.
  function showCurrent() {
    for (const row of document.querySelectorAll(".bw-nav, .bw-tabs, .bw-subnav")) {
      const current = row.querySelector("[aria-current]");
      if (current) row.scrollLeft += current.getBoundingClientRect().right - row.getBoundingClientRect().left - row.clientWidth * 0.75;
    }
  }

  // What the viewer has opened stays open when its surroundings are renewed.
  htmx.registerExtension("batchweb", {
    htmx_before_morph_attr: (element, detail) =>
      !(detail.attrName === "open" && element.matches("details, dialog")),
  });

  document.addEventListener("htmx:after:swap", () => { refreshTimes(); showChosen(); });
  document.addEventListener("htmx:error", (event) => {
    // A live part tries again by itself with the next signal.
    if (event.detail?.ctx?.request?.headers?.["X-Live-Regions"]) return;
    toast("The server did not answer. Try again.", "error");
  });

  const start = () => {
    document.documentElement.classList.add("bw-js");
    refreshTimes();
    showChosen();
    showWrong();
    showCurrent();
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      // A phone's own bars come and go with each scroll: what the viewer has moved stays where it is.
      if (window.innerWidth !== width) showCurrent();
      width = window.innerWidth;
    });
    setInterval(() => { refreshTimes(); ageToasts(); }, 1000);
  };
  start();
  window.batchweb = { toast, refreshTimes, relative, duration };
})();
