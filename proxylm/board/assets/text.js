// Elements, numbers and words. Whatever comes from data becomes a text node, never HTML.
"use strict";
(() => {
  // h("a", {href: "#board"}, "text", element, ...): an element. Null children are left out.
  plm.h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  };
  const h = plm.h;

  plm.NOTHING = "–";
  plm.decimals = (metric) => (metric === "comet" ? 3 : 1);
  const fixed = new Map();
  plm.number = (value, decimals, sign = false) => {
    if (value === null || value === undefined) return plm.NOTHING;
    const key = `${decimals} ${sign}`;
    if (!fixed.has(key)) {
      fixed.set(key, new Intl.NumberFormat("en", {
        minimumFractionDigits: decimals, maximumFractionDigits: decimals,
        signDisplay: sign ? "exceptZero" : "auto",
      }));
    }
    return fixed.get(key).format(value).replace("-", "−");
  };
  plm.score = (value, metric, sign = false) => plm.number(value, plm.decimals(metric), sign);
  plm.interval = (lower, upper, metric) =>
    lower === null || upper === null || lower === undefined ? plm.NOTHING
      : `${plm.score(lower, metric)} to ${plm.score(upper, metric)}`;
  plm.count = (value) => plm.number(value, 0);
  plm.share = (value) =>
    value === null || value === undefined ? plm.NOTHING : `${plm.number(100 * value, 0)}\u00a0%`;
  plm.plural = (n, one, many = `${one}s`) => `${plm.count(n)} ${n === 1 ? one : many}`;

  plm.duration = (seconds) => {
    if (seconds === null || seconds === undefined) return plm.NOTHING;
    for (const [unit, size] of [["h", 3600], ["min", 60]]) {
      if (seconds >= 3 * size) return `${Number((seconds / size).toPrecision(3))} ${unit}`;
    }
    return `${seconds < 0.1 ? Number(seconds.toPrecision(2)) : plm.number(seconds, seconds >= 10 ? 0 : seconds >= 1 ? 1 : 2)} s`;
  };
  plm.factor = (value) =>
    value === null || value === undefined ? plm.NOTHING
      : `${plm.number(value, value >= 100 ? 0 : value >= 1 ? 1 : 2)} ×`;
  plm.size = (parameters) => {
    if (parameters === null || parameters === undefined) return "unknown";
    for (const [unit, size] of [["B", 1e9], ["M", 1e6], ["k", 1e3]]) {
      if (parameters >= size) return `${Number((parameters / size).toPrecision(3))} ${unit}`;
    }
    return String(parameters);
  };
  plm.day = (time) => (time ? time.slice(0, 10) : plm.NOTHING);
  plm.minute = (time) => (time ? `${time.slice(0, 16).replace("T", " ")} UTC` : plm.NOTHING);
  plm.mode = (mode) => (mode ? mode.replace(/_/g, "-") : plm.NOTHING);

  // The words of the board; the page "Method" lists them all.
  plm.words = {
    predicted: "Score that the predictor expects, from the scores of cheap proxy models.",
    interval: "Range made for new languages: in at least 90 % of them at least 90 % of the settings are to lie inside (or as the level says).",
    "mean interval": "Mean of the settings' intervals: holds for a typical setting of the row.",
    observed: "Score of the model itself: measured here, or imported from a publication. ± is its own uncertainty, 95 %.",
    error: "Predicted minus observed, in the metric's units.",
    "root mean square": "Error of the predictions over the settings that have both numbers: the root of the mean squared error.",
    inside: "Share of the observed scores that lie inside their prediction interval.",
    status: "Observed: there is a real score. Predicted: there is only a prediction. Abstained: no prediction either, with the reason.",
    setting: "What a score is for: task, languages, training corpus and size, test corpus.",
    rank: "Rank on the same settings. Models whose intervals overlap share a rank: they cannot be told apart.",
    seen: "Whether the model's makers say that it was trained on the language or made for it.",
    "estimated model": "A model that is expensive to run, whose scores are predicted.",
    "proxy model": "A small, cheap model. Its scores in a setting are inputs of the predictions for others.",
    lolo: "Leave one language out: every prediction is made by a predictor that saw no score in the language.",
    forecast: "Made before the score was known, and never changed afterwards.",
    "out of fold": "The score was known already, so the prediction comes from a predictor that was fitted without it.",
    "noise floor": "The observed scores' own uncertainty: no predictor can be better than this.",
    leak: "Share of test rows whose fine-tuning is also in training: where it is high, the error looks smaller than it is for something new.",
    "P(best)": "Probability that no other model compared here is better.",
    regret: "What is lost on average by taking this model instead of the best one, in the metric's units.",
    gain: "What fine-tuning adds to the zero-shot score, in the metric's units; negative where it harms.",
    "speed-up": "Seconds of the estimated model over seconds of all proxies together, in the settings where both are known.",
    worst: "The language with the largest error, its two directions counting alike.",
    coverage: "Share of forecasts that were inside their interval when the score arrived.",
  };
  // A word with its explanation, shown when pointed at or focused.
  plm.term = (text, word = text) => h("abbr", { class: "term", title: plm.words[word], tabindex: 0 }, text);

  plm.tasks = { mt: "Translation", intent: "Intents", slot: "Slots" };
  plm.taskName = (task) => plm.tasks[task] || task;
  plm.note = (...text) => h("p", { class: "note" }, ...text);
  plm.facts = (pairs) => h("dl", {}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
})();
