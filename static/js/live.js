// One event stream per page. It says which topics changed; the parts of the page that show them ask for themselves again.
"use strict";
(() => {
  const url = document.body.dataset.liveUrl;
  if (!url) return;

  let stream = null;
  let listening = "";
  let retry = 1000;
  let timer = 0;
  let busy = false;
  // Topics heard of but not yet renewed, because the tab is hidden or a request is under way; null stands for all.
  let waiting = new Set();
  const badge = document.querySelector("[data-connection]");

  const regions = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (region) => region.dataset.live.split(/\s+/).filter(Boolean);

  function refresh(topics) {
    waiting = topics === null || waiting === null ? null : new Set([...waiting, ...topics]);
    if (!document.hidden) renew();
  }

  // Asks for all parts concerned in one request; what changes meanwhile is asked for after it.
  async function renew() {
    if (busy) return;
    busy = true;
    try {
      await renewParts();
    } finally {
      // Also where a request failed: else this page would never hear of anything again.
      busy = false;
    }
  }

  async function renewParts() {
    while (!document.hidden && (waiting === null || waiting.size)) {
      const topics = waiting;
      waiting = new Set();
      const ids = regions()
        .filter((region) => topics === null || topicsOf(region).some((topic) => topics.has(topic)))
        .map((region) => region.id);
      if (!ids.length) continue;
      const begun = performance.now();
      const gone = document.getElementById("gone");
      if (gone?.dataset.gone) gone.dataset.gone = "before";
      await htmx.ajax("GET", location.pathname + location.search, {
        source: document.body,
        target: document.body,
        swap: "none",
        headers: { "X-Live-Regions": ids.join(" ") },
      });
      unlessGone();
      await rest(performance.now() - begun);
    }
  }

  // That the page's thing is gone is told by the answer (`includes/gone.html`), and is over when it is there again.
  function unlessGone() {
    const gone = document.getElementById("gone");
    if (gone?.dataset.gone !== "before") return;
    gone.replaceChildren();
    delete gone.dataset.gone;
    gone.removeAttribute("role");
  }

  // What is dear to renew (an array of thousands on a busy server) is renewed less often: a quarter of the time at most.
  function rest(took) {
    if (took < 100) return undefined;
    return new Promise((resolve) => { setTimeout(resolve, Math.min(took * 3, 5000)); });
  }

  function showConnection(up) {
    if (badge) badge.hidden = up;
    document.documentElement.classList.toggle("bw-offline", !up);
  }

  function connect() {
    clearTimeout(timer);
    const topics = [...new Set(regions().flatMap(topicsOf))].sort();
    listening = topics.join(" ");
    stream?.close();
    stream = null;
    if (!topics.length) return;
    const query = new URLSearchParams(topics.map((topic) => ["topic", topic]));
    const mine = new EventSource(`${url}?${query}`);
    stream = mine;
    mine.addEventListener("open", () => { retry = 1000; showConnection(true); });
    // The first event of each connection: whatever happened before it is caught up with.
    mine.addEventListener("resync", () => refresh(null));
    mine.addEventListener("change", (event) => refresh(new Set(JSON.parse(event.data))));
    mine.addEventListener("error", () => {
      if (stream !== mine) return;
      mine.close();
      stream = null;
      // A server that is restarted is back in a moment: nobody needs to hear of that.
      timer = setTimeout(connect, retry + Math.random() * 500);
      if (retry > 2000) showConnection(false);
      retry = Math.min(retry * 1.7, 15000);
    });
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    renew();
    if (!stream) connect();
  });
  document.addEventListener("htmx:after:swap", () => {
    const topics = [...new Set(regions().flatMap(topicsOf))].sort().join(" ");
    if (topics !== listening) connect();
  });
  window.addEventListener("pagehide", () => { stream?.close(); stream = null; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
})();
