// Which model to take in each language, whether to fine-tune it, and what to run next.
"use strict";
(() => {
  const h = plm.h;
  const missing = (what) => plm.note(`${what} has not been computed yet; plm-admin refresh does it. Until then, "Which model is ahead" on the board goes by intervals alone.`);

  plm.choicesOf = (tab, language = null) => plm.rowsOf(plm.start.decisions)
    .filter((row) => row.task === tab.task && row.metric === tab.metric && (!language || row.board_language === language));
  plm.adviceOf = (tab, language = null) => plm.rowsOf(plm.start.advice)
    .filter((row) => row.task === tab.task && row.metric === tab.metric && (!language || row.board_language === language));

  // What to say of fine-tuning: the settings in which it helps, harms, or nobody can tell.
  plm.adviceText = (line) => [["yes", "helps"], ["no", "does not help"], ["uncertain", "cannot be told"]]
    .filter(([key]) => line[key]).map(([key, text]) => `${text} in ${plm.count(line[key])}`).join(", ") + ` of ${plm.plural(line.settings, "setting")}`;

  plm.choiceColumns = (metric, language) => [
    language && { key: "language", label: "Language", value: (row) => plm.languageText(row.board_language), cell: (row) => plm.languageName(row.board_language) },
    { key: "model", label: "Model", value: plm.modelText, cell: (row) => plm.modelAndMode(row) },
    { key: "probability", label: "P(best)", hint: plm.words["P(best)"], number: true, value: (row) => row.probability_best, cell: (row) => plm.share(row.probability_best) },
    { key: "regret", label: "Regret", hint: plm.words.regret, number: true, value: (row) => row.expected_regret, cell: (row) => plm.number(row.expected_regret, metric === "comet" ? 4 : 2) },
    { key: "first", label: "First choice", hint: "Settings in which it loses the least", number: true, value: (row) => row.first / row.settings, cell: (row) => `${plm.count(row.first)} of ${plm.count(row.settings)}` },
    { key: "observed", label: "Observed", hint: "Settings in which its score is known, not predicted", number: true, value: (row) => row.observed, cell: (row) => plm.count(row.observed) },
    { key: "missing", label: "Not compared", hint: "Models of the task without a score or prediction there", value: (row) => row.missing.join(", "), wide: true },
  ].filter(Boolean);
  plm.adviceColumns = (metric, language) => [
    language && { key: "language", label: "Language", value: (row) => plm.languageText(row.board_language), cell: (row) => plm.languageName(row.board_language) },
    { key: "model", label: "Model", value: (row) => row.model_id, cell: (row) => plm.modelName(row.model_id) },
    { key: "advice", label: "Fine-tuning", value: plm.adviceText, wide: true },
    { key: "gain", label: "Gain", hint: plm.words.gain, number: true, value: (row) => row.gain, cell: (row) => plm.score(row.gain, metric, true) },
    { key: "interval", label: "Interval", hint: plm.words["mean interval"], number: true, value: (row) => row.lower, cell: (row) => plm.intervalCell(row, metric) },
    { key: "probability", label: "P(gain)", hint: "Probability that fine-tuning is better, mean over settings", number: true, value: (row) => row.probability_gain, cell: (row) => plm.share(row.probability_gain) },
  ].filter(Boolean);

  plm.views.decide = async (main, parameters) => {
    main.append(h("h1", {}, "Which model should I take? Should I fine-tune?"));
    if (!plm.start.tabs.length) return main.append(plm.note("There is nothing to choose from yet."));
    const tab = plm.tabOf(parameters);
    main.append(plm.tabs(tab, "decide"));
    const code = h("select", { id: "language", onchange: (event) => { location.hash = plm.href("language", { code: event.target.value, task: tab.task, metric: tab.metric }); } },
      h("option", { value: "" }, "choose one"), plm.start.languages.map((language) => h("option", { value: language.language }, language.name)));
    main.append(h("p", {}, h("label", { for: "language" }, "Your language "), code));
    const choices = plm.choicesOf(tab);
    // The first line of each language is the model that loses the least on average.
    const best = [...plm.groupBy(choices, (row) => row.board_language).values()].map((group) => group.reduce((a, b) => (b.expected_regret < a.expected_regret ? b : a)));
    main.append(h("h2", {}, "The model to take, by language"), choices.length && choices.length === best.length ? plm.note("There is one model in each language, so it is compared with nothing.") : "", choices.length
      ? plm.table({ caption: `Least expected regret, ${tab.metric}`, columns: plm.choiceColumns(tab.metric, true), rows: best, state: { sort: "language" } })
      : h("div", {}, missing("The choice of a model"), plm.leaders(tab)));
    const advice = plm.adviceOf(tab);
    main.append(h("h2", {}, "What fine-tuning gains, by language"), advice.length
      ? plm.table({ caption: `Fine-tuned beside zero-shot, ${tab.metric}`, columns: plm.adviceColumns(tab.metric, true), rows: advice, state: { sort: "language" } })
      : plm.note("What fine-tuning gains has not been computed yet, or no model has both a zero-shot and a fine-tuned score or prediction in a setting of this metric."));
  };

  const nothingNext = () => {
    const { predicted, abstained, observed } = plm.start.figures;
    if (observed && !predicted && !abstained) return "Nothing: every score on the board has been observed. A new language, model or corpus brings settings to predict and to run.";
    if (plm.start.decisions.n) return "The queue is empty: nothing that could be run would make a prediction surer.";
    return "The queue is empty: it has not been computed yet. plm-admin retrain or refresh computes it.";
  };
  plm.views.next = async (main) => {
    const rows = plm.rowsOf(plm.start.recommendations);
    const language = (code) => (code === "*" ? "all languages" : plm.languageText(code));
    main.append(h("h1", {}, "What should be run next?"), h("p", {}, "Evaluations that would make the predictions surer, the largest expected fall of the error an hour of the device first."));
    if (rows.length < plm.start.queue) main.append(plm.note(`The first ${plm.count(rows.length)} of ${plm.count(plm.start.queue)}.`));
    main.append(rows.length ? plm.table({
      caption: "Queue",
      columns: [
        { key: "rank", label: "Place", number: true, value: (row) => row.rank, cell: (row) => plm.count(row.rank) },
        { key: "model", label: "Model", value: plm.modelText, cell: (row) => plm.modelAndMode(row) },
        { key: "role", label: "Role", hint: `Estimated: ${plm.words["estimated model"]} Proxy: ${plm.words["proxy model"]}`, value: (row) => row.role },
        { key: "pair", label: "Languages", value: (row) => `${language(row.source_lang)} → ${language(row.target_lang)}` },
        { key: "corpus", label: "Corpora", hint: "Trained on → tested on", value: (row) => [...new Set([row.train_corpus, row.test_corpus].filter(Boolean))].map((name) => (name === "*" ? "all" : name)).join(" → ") },
        { key: "task", label: "Of", hint: "Task and metric whose predictions become surer", value: (row) => `${plm.taskName(row.task)}, ${row.metric}` },
        { key: "settings", label: "Settings", hint: "Settings whose prediction would become surer", number: true, value: (row) => row.settings, cell: (row) => plm.count(row.settings) },
        { key: "drop", label: "Error drop", hint: "Expected fall of the summed standard deviation of those predictions, in the metric's units", number: true, value: (row) => row.expected_error_drop, cell: (row) => plm.number(row.expected_error_drop, row.metric === "comet" ? 4 : 2) },
        { key: "cost", label: "Takes", number: true, value: (row) => row.device_seconds, cell: (row) => row.device_seconds === null ? null : `${plm.duration(row.device_seconds)} (${row.cost_basis})` },
        { key: "hour", label: "Drop an hour", hint: "Error drop for an hour of the device", number: true, value: (row) => row.drop_per_hour, cell: (row) => plm.number(row.drop_per_hour, row.drop_per_hour >= 100 ? 0 : 2) },
        { key: "reason", label: "Why", value: (row) => row.reason, wide: true },
      ], rows, state: { sort: "rank" },
    }) : plm.note(nothingNext()));
  };
})();
