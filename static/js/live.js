// One event stream per page. It says which topics changed; the parts of the page that show them ask for themselves again.
"use strict";
(() => {
  const url = document.body.dataset.liveUrl;
  if (!url) return;

  let stream = null;
  let listening = "";
  let retry = 1000;
  let timer = 0;
  // Topics heard of while the tab was hidden; null stands for all of them.
  let waiting = new Set();
  const badge = document.querySelector("[data-connection]");

  const regions = () => [...document.querySelectorAll("[data-live]")];
  const topicsOf = (region) => region.dataset.live.split(/\s+/).filter(Boolean);

  function refresh(topics) {
    if (document.hidden) {
      waiting = topics === null || waiting === null ? null : new Set([...waiting, ...topics]);
      return;
    }
    for (const region of regions()) {
      if (topics === null || topicsOf(region).some((topic) => topics.has(topic))) {
        htmx.trigger(region, "live", {}, false);
      }
    }
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
    const missed = waiting;
    waiting = new Set();
    if (missed === null || missed.size) refresh(missed);
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
