// Where a number comes from: down to the run, the signature and what the model said.
"use strict";
(() => {
  const h = plm.h;
  const KINDS = {
    forecast: "a forecast: made before the score was known, and never changed afterwards",
    out_of_fold: "out of fold: the score was known, so a predictor that was fitted without it says this",
  };

  plm.views.number = async (main, parameters) => {
    const tab = plm.tab(parameters.task, parameters.metric);
    const language = plm.language.get(parameters.language);
    const row = tab && (await plm.tabRows(tab)).find((one) => one.setting_key === parameters.setting && one.model_id === parameters.model && one.mode === parameters.mode);
    if (!row || !language) return main.append(h("h1", {}, "No such number"), plm.note("The board has no row of this setting, model and metric. It may have been published anew since the link was made."));
    const { metric } = tab;
    const details = await plm.load(language.file);
    const scores = plm.rowsOf(details.scores).filter((score) => score.setting_key.startsWith(row.setting_key));
    main.append(h("h1", {}, "Where this number comes from"), h("p", {}, plm.modelName(row.model_id), `, ${plm.mode(row.mode)}, in `, plm.languageName(row.board_language), `: ${plm.taskName(row.task)}, ${metric}`), plm.facts([
      ["Setting", plm.settingText(row)], ["Key", scores.length ? scores[0].setting_key : row.setting_key], ["Status", plm.statusText(row)],
      ["Error", row.error === null ? null : `${plm.score(row.error, metric, true)} (predicted minus observed)`],
    ]));

    const own = scores.filter((score) => score.model_id === row.model_id && score.mode === row.mode && score.metric === metric);
    main.append(h("h2", {}, `Observed: ${plm.observedCell(row, metric) || "no score yet"}`));
    for (const score of own.sort((a, b) => b.preferred - a.preferred)) main.append(observed(score, plm.rowsOf(details.samples)));
    if (!own.length) main.append(plm.note("Nobody has run the model in this setting, or nobody has given the score."));

    main.append(h("h2", {}, `Predicted: ${plm.score(row.predicted, metric)}`));
    if (row.predictor_id === null) main.append(plm.note("No predictor has been asked for this setting."));
    else await predicted(main, row, scores, metric);
  };

  function observed(score, samples) {
    const { metric } = score;
    const said = samples.filter((sample) => sample.evaluation_key === score.evaluation_key);
    return h("section", { class: "score" }, h("h3", {}, `${plm.score(score.value, metric)}${score.preferred ? "" : ", not shown on the board: another score of the setting goes first"}`), plm.facts([
      ["Uncertainty", score.half_width === null ? "not given" : `± ${plm.score(score.half_width, metric)} at 95 % (${score.half_width_method})`],
      ["Test lines", score.n_segments === null ? "not given" : plm.count(score.n_segments)], ["Origin", score.origin], ["Source", score.source],
      ["Signature", h("code", {}, score.signature)], ["Decoding", score.decoding], ["Precision", score.precision], ["Backend", score.backend],
      ["Test text", h("code", {}, score.test_fingerprint)], ["Training text", score.train_fingerprint && h("code", {}, score.train_fingerprint)], ["Split", score.split_version],
      ["Run", h("code", {}, score.run_id)], ["Recipe and seed", `${score.recipe}, ${score.seed}`], ["Revision", score.revision], ["Device", score.device || "not given"],
      ["Started", score.started_at ? plm.minute(score.started_at) : "not given"], ["Training took", score.train_seconds === null ? "not known" : plm.duration(score.train_seconds)],
      ["Testing took", score.test_seconds === null ? "not known" : plm.duration(score.test_seconds)], ["Code", score.code_revision && h("code", {}, score.code_revision)],
      ["Loaded", plm.minute(score.loaded_at)], ["Evaluation", h("code", {}, score.evaluation_key)], ["Score key", h("code", {}, score.score_key)],
    ]), said.length ? plm.table({
      caption: `What the model said, the first lines of ${score.hypotheses}`,
      columns: [
        { key: "segment", label: "Line", number: true, value: (one) => one.segment + 1 },
        ...[["source", "Given"], ["hypothesis", "Said"], ["reference", "Wanted"]].map(([key, label]) => ({ key, label, value: (one) => one[key], cell: (one) => h("bdi", {}, one[key] || ""), wide: true })),
      ], rows: said,
    }) : plm.note(score.hypotheses ? `The outputs were kept in ${score.hypotheses}, which is not there any more.` : score.origin === "imported" ? "Imported scores come without the outputs." : "The outputs were not kept."));
  }

  async function predicted(main, row, scores, metric) {
    const predictor = plm.rowsOf(await plm.load("predictors")).find((one) => one.predictor_id === row.predictor_id) || {};
    main.append(plm.facts([
      ["Interval", row.lower === null ? "none can be given" : `${plm.interval(row.lower, row.upper, metric)} at ${plm.share(row.level)}`],
      ["Kind", KINDS[row.prediction_kind] || row.prediction_kind], ["Left out", row.protocol && `${row.protocol}: ${plm.protocolText(row.protocol)}`], ["Abstained", row.reason],
      ["Made", plm.minute(row.made_at)], ["Predictor", h("code", {}, row.predictor_id)], ["Regressor", predictor.regressor],
      ["Inputs", predictor.input_set && `${predictor.input_set}, features ${predictor.feature_set}`], ["Fitted on", predictor.n_rows && plm.plural(predictor.n_rows, "row")],
    ]));
    if (predictor.signature) main.append(h("details", {}, h("summary", {}, "Everything that could change it"), h("pre", { tabindex: 0 }, pretty(predictor.signature))));
    const inputs = scores.filter((score) => score.preferred && (plm.model.get(score.model_id) || { proxy_modes: [] }).proxy_modes.includes(score.mode)
      || (score.preferred && score.model_id === row.model_id && score.mode === "zero_shot" && predictor.input_set !== "proxies" && row.mode !== "zero_shot"));
    main.append(h("h3", {}, "Scores it may rest on"), plm.table({
      caption: "Proxies in this setting",
      columns: [
        { key: "model", label: "Model", value: plm.modelText, cell: (one) => plm.modelAndMode(one) },
        { key: "metric", label: "Metric", value: (one) => one.metric },
        { key: "value", label: "Score", number: true, value: (one) => one.value, cell: (one) => plm.score(one.value, one.metric) },
        { key: "origin", label: "Origin", value: (one) => one.origin },
        { key: "signature", label: "Signature", value: (one) => one.signature, cell: (one) => h("code", {}, one.signature), wide: true },
        { key: "run", label: "Run", value: (one) => one.run_id, cell: (one) => h("code", { title: one.run_id }, one.run_id.slice(0, 12)) },
      ], rows: inputs, state: { sort: "model" }, empty: "No proxy has been run in this setting.",
    }));
  }

  function pretty(text) {
    try {
      return JSON.stringify(JSON.parse(text), null, 1);
    } catch {
      return text;
    }
  }
})();
