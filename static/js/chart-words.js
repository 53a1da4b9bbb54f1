// How charts write amounts and moments: on their axes, in their legends and in their tables.
"use strict";
(() => {
  const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
  const precise = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
  const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumSignificantDigits: 3 });
  const dollarTicks = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 4 });

  const MIB_PER_GIB = 1024;
  const DAY = 86400;
  const HOUR = 3600;
  const MINUTE = 60;

  // In one unit, as a tick has room for no more.
  function shortDuration(seconds) {
    for (const [size, unit] of [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]]) {
      if (seconds >= size) return `${precise.format(seconds / size)} ${unit}`;
    }
    return `${precise.format(seconds)} s`;
  }

  const memory = (mib) => (mib >= MIB_PER_GIB ? `${precise.format(mib / MIB_PER_GIB)} GiB` : `${whole.format(mib)} MiB`);
  const powersOfTwo = Array.from({ length: 40 }, (_, power) => 2 ** power);
  const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((each) => each * 10 ** power)).flat();
  const timeSteps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE,
    30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY, 10 * DAY, 30 * DAY];

  // `least` is what an axis reaches at least, so that a flat zero is not drawn as a mountain.
  const UNITS = {
    s: { say: (value) => (value < 10 ? `${precise.format(value)} s` : window.batchweb.duration(value)), tick: shortDuration, steps: timeSteps, least: 10 },
    USD: { say: (value) => (value ? dollars.format(value) : "$0"), tick: (value) => dollarTicks.format(value), least: 0.0001 },
    MiB: { say: memory, tick: memory, steps: powersOfTwo, least: 64 },
    "%": { say: (value) => `${precise.format(value)} %`, tick: (value) => `${value} %`, least: 100 },
    vCPU: { say: (value) => `${precise.format(value)} vCPU`, tick: (value) => (value < 1 ? precise : compact).format(value), least: 1 },
  };

  // What is counted: jobs, instances.
  function counted(unit) {
    const one = unit.replace(/s$/, "");
    const say = (value) => `${precise.format(value)} ${value === 1 ? one : unit}`.trim();
    return { say, tick: (value) => compact.format(value), steps: wholeSteps, least: 4 };
  }

  function unitOf(name) {
    const unit = UNITS[name] || counted(name || "");
    return { ...unit, say: (value) => (value === null || value === undefined ? "–" : unit.say(value)) };
  }

  // A point stands for `step` seconds from its time on.
  function moments(step, isUtc) {
    const zone = isUtc ? { timeZone: "UTC" } : {};
    const day = { day: "numeric", month: "short", year: "numeric", ...zone };
    const time = { hour: "2-digit", minute: "2-digit", hour12: false };
    if (step < MINUTE) time.second = "2-digit";
    const format = new Intl.DateTimeFormat("en-GB", step >= DAY ? day : { ...day, ...time });
    const suffix = isUtc ? " UTC" : "";
    return (seconds) => format.format(new Date(seconds * 1000)) + suffix;
  }

  window.chartWords = { unitOf, moments };
})();
