// Can the forecasts be trusted: what held-out scores say, what forecasts said, what they cost.
"use strict";
(() => {
  const h = plm.h;
  const BASELINES = { "train-mean": "the mean of the known scores", "best one-proxy line": "a line through the best proxy" };
  const PROTOCOLS = {
    lolo: "Leave one language out: no score in the language was known",
    by_run: "Whole fine-tunings left out",
    by_run_pair: "Whole fine-tunings left out, both directions together",
    unseen: "Languages that the model was not pre-trained on left out",
    unseen_reverse: "Languages that it was pre-trained on left out",
    cross_dataset: "Fitted on one collection of records, judged on another",
    incremental: "Fitted on growing parts of the random split",
    random: "Random rows left out, as in the paper; they share fine-tunings with the others",
  };
  plm.protocols = PROTOCOLS;
  plm.protocolText = (name) => PROTOCOLS[name] || PROTOCOLS[name.replace(/_\d+$/, "")] || name;

  // Quality by target and protocol: {model_id, mode, protocol, regressor, error, values: {statistic: value}, naive: {name: error}}.
  plm.qualityOf = (tab, model = null) => {
    const rows = plm.rowsOf(plm.start.quality).filter((row) => row.task === tab.task && row.metric === tab.metric && (!model || row.model_id === model));
    return [...plm.groupBy(rows, (row) => `${row.model_id}\n${row.mode}\n${row.protocol}`).values()].map((group) => {
      const own = group.filter((row) => row.regressor === row.predictor_regressor);
      const values = Object.fromEntries(own.map((row) => [row.statistic, row.value]));
      const naive = Object.fromEntries(group.filter((row) => row.statistic === "rmse" && row.regressor in BASELINES).map((row) => [row.regressor, row.value]));
      return { ...group[0], regressor: group[0].predictor_regressor, error: values.rmse ?? null, values, naive };
    });
  };

  // The language with the largest error: statistics "rmse:<language>" are there for the worst ones.
  const worst = (line) => Object.entries(line.values).filter(([name]) => name.startsWith("rmse:"))
    .map(([name, value]) => [name.slice(5), value]).sort((a, b) => b[1] - a[1])[0];

  // What intervals of several levels promise and hold: statistics "coverage:<level>" of LOLO.
  plm.levelsOf = (tab) => plm.qualityOf(tab).filter((line) => line.protocol === "lolo").flatMap((line) =>
    Object.entries(line.values).filter(([name]) => name.startsWith("coverage:")).map(([name, inside]) => ({
      model: plm.modelText(line), level: Number(name.slice(9)), inside, languages: line.values[`languages_covered:${name.slice(9)}`] ?? null,
    })));

  // One sentence a model: how far off it is in a new language, and against what.
  plm.verdicts = (tab, model = null) => plm.qualityOf(tab, model).filter((line) => line.protocol === "lolo").map((line) => {
    const score = (value) => plm.number(value, tab.metric === "comet" ? 4 : 2);
    const beside = Object.entries(line.naive).map(([name, error]) => `${score(error)} from ${BASELINES[name]}`);
    const { coverage, languages_covered: covered, noise_floor: noise, shared_run_group: leak } = line.values;
    return h("p", { class: "verdict" }, h("b", {}, `${plm.modelText(line)}: `),
      `in a language that was left out, predictions are off by ${score(line.error)} ${tab.metric} (`, plm.term("root mean square"), ")",
      worst(line) ? [", ", plm.term("most", "worst"), ` in ${plm.languageText(worst(line)[0])}: ${score(worst(line)[1])}`] : "",
      beside.length ? `; guessing would be off by ${beside.join(" and ")}` : "", ". ",
      coverage !== undefined ? `${plm.share(coverage)} of the observed scores were inside their interval${covered === undefined ? "" : `; the promise held in ${plm.share(covered)} of the languages`}. ` : "",
      noise !== undefined && noise !== null ? h("span", {}, "The ", plm.term("noise floor"), ` is ${score(noise)}. `) : "",
      leak ? h("strong", { class: "alarm" }, `${plm.share(leak)} of the test rows share a fine-tuning with training: something wholly new may be harder.`) : "");
  });

  plm.qualityTable = (lines, metric, what = metric) => {
    const score = (value) => (value === null || value === undefined ? null : plm.number(value, metric === "comet" ? 4 : 2));
    const column = (key, label, hint, value, cell = value) => ({ key, label, hint, number: true, value, cell: (row) => cell(row) ?? null });
    return plm.table({
      caption: `Quality on rows that were left out, ${what}`,
      columns: [
        { key: "protocol", label: "Left out", value: (row) => row.protocol, cell: (row) => h("span", { class: "term", title: plm.protocolText(row.protocol) }, row.protocol) },
        { key: "model", label: "Model", value: plm.modelText },
        column("error", "Error", plm.words["root mean square"], (row) => row.error, (row) => score(row.error)),
        column("mean", "Mean", `Error of ${BASELINES["train-mean"]}`, (row) => row.naive["train-mean"], (row) => score(row.naive["train-mean"])),
        column("line", "Best line", `Error of ${BASELINES["best one-proxy line"]}, chosen in hindsight`, (row) => row.naive["best one-proxy line"], (row) => score(row.naive["best one-proxy line"])),
        column("pooled", "Pooled", "Error over all rows at once: large where a few languages are bad", (row) => row.values.rmse_pooled, (row) => score(row.values.rmse_pooled)),
        column("worst", "Worst", plm.words.worst, (row) => (worst(row) || [])[1], (row) => worst(row) && `${plm.languageText(worst(row)[0])} ${score(worst(row)[1])}`),
        column("noise", "Noise", plm.words["noise floor"], (row) => row.values.noise_floor, (row) => score(row.values.noise_floor)),
        column("inside", "Inside", plm.words.inside, (row) => row.values.coverage, (row) => row.values.coverage === undefined ? null : plm.share(row.values.coverage)),
        column("leak", "Leak", plm.words.leak, (row) => row.values.shared_run_group, (row) => row.values.shared_run_group === undefined ? null : plm.share(row.values.shared_run_group)),
        column("rows", "Rows", "Rows that were left out, once each", (row) => row.n_rows, (row) => plm.count(row.n_rows)),
      ],
      rows: lines, empty: "No predictor has been judged yet.",
    });
  };

  plm.views.trust = async (main, parameters) => {
    main.append(h("h1", {}, "Can these predictions be trusted?"));
    if (!plm.start.tabs.length) return main.append(plm.note("There is nothing to judge yet."));
    const tab = plm.tabOf(parameters);
    const { metric } = tab;
    main.append(plm.tabs(tab, "trust"));
    const verdicts = plm.verdicts(tab);
    main.append(...verdicts.length ? verdicts : [plm.note("No predictor of this metric has been judged yet, so nothing says that its predictions are good.")]);
    main.append(plm.drift(tab));
    const rows = await plm.tabRows(tab);
    const both = rows.filter((row) => row.error !== null);
    if (both.length) {
      const lines = plm.byLanguage(both, tab).sort((a, b) => b.rmse - a.rmse);
      const judged = lines.filter((line) => line.inside !== null);
      main.append(plm.scatter(both, metric), plm.calibration(both, metric));
      const levels = plm.levelsOf(tab);
      if (levels.length > 1) main.append(plm.levelsChart(levels));
      if (judged.length) main.append(plm.coverageChart(judged, both.find((row) => row.level !== null).level));
      main.append(plm.worst(lines, metric), plm.table({
        caption: `Error by language, ${metric}`,
        columns: [
          { key: "language", label: "Language", value: (line) => line.name, cell: (line) => plm.languageName(line.board_language) },
          { key: "model", label: "Model", value: plm.modelText },
          { key: "rmse", label: "Error", hint: plm.words["root mean square"], number: true, value: (line) => line.rmse, cell: (line) => plm.score(line.rmse, metric) },
          { key: "inside", label: "Inside", hint: plm.words.inside, number: true, value: (line) => line.inside, cell: (line) => plm.share(line.inside) },
          { key: "n", label: "Settings", number: true, value: (line) => line.both, cell: (line) => plm.count(line.both) },
        ], rows: lines, state: { sort: "-rmse" },
      }));
    } else main.append(plm.note("No setting of this metric has both a prediction and an observed score, so there is nothing to compare."));
    main.append(h("h2", {}, "Quality by what was left out"), plm.qualityTable(plm.qualityOf(tab), metric));
    await plm.track(main, tab);
  };

  plm.drift = (tab) => {
    const rows = plm.rowsOf(plm.start.drift).filter((row) => row.task === tab.task && row.metric === tab.metric);
    const alarms = rows.filter((row) => row.alarm);
    const where = (row) => (row.language === "*" ? "all languages together" : plm.languageText(row.language));
    if (alarms.length) {
      return h("div", { class: "alarm", role: "note" }, h("h2", {}, "Alarm: forecasts no longer hold"), h("ul", {}, alarms.map((row) => h("li", {},
        `${plm.modelText(row)}, ${where(row)}: ${plm.share(row.coverage)} of ${plm.count(row.n_forecasts)} forecasts inside their interval${row.since ? `, since ${plm.day(row.since)}` : ""}`))));
    }
    return plm.note(rows.length ? `No drift: the intervals of ${plm.plural(rows.filter((row) => row.language === "*").length || rows.length, "sequence")} of forecasts hold so far.`
      : "Drift has not been checked yet: that takes forecasts whose scores arrived.");
  };

  plm.track = async (main, tab) => {
    main.append(h("h2", {}, "Track record: ", plm.term("forecasts", "forecast"), " and what came true"));
    const grades = plm.start.grades ? plm.rowsOf(await plm.load("grades")).filter((row) => row.task === tab.task && row.metric === tab.metric) : [];
    if (!grades.length) {
      main.append(plm.note("No forecast of this metric has met its score yet. The comparison above uses held-out scores instead."));
      return;
    }
    const days = [...plm.groupBy(grades, plm.modelText)].flatMap(([model, own]) => {
      let [n, squares] = [0, 0];
      return [...plm.groupBy(own, (row) => plm.day(row.observed_at))].sort().map(([day, part]) => {
        const errors = part.map((row) => row.error * row.error);
        n += part.length;
        squares += errors.reduce((total, value) => total + value, 0);
        return { model, day, n: part.length, rmse: Math.sqrt(plm.mean(errors)), rmseSoFar: Math.sqrt(squares / n) };
      });
    });
    const inside = plm.known(grades.map((row) => row.inside));
    main.append(h("p", {}, `${plm.plural(grades.length, "forecast")} met ${grades.length === 1 ? "its score" : "their scores"}: error ${plm.score(Math.sqrt(plm.mean(grades.map((row) => row.error * row.error))), tab.metric)}, `,
      `${plm.share(plm.mean(inside.map(Number)))} inside their interval.`),
    plm.trackChart(days, tab.metric), plm.table({
      caption: `Graded forecasts, ${tab.metric}`,
      columns: [
        { key: "at", label: "Score arrived", value: (row) => row.observed_at, cell: (row) => plm.minute(row.observed_at) },
        { key: "made", label: "Forecast made", value: (row) => row.made_at, cell: (row) => plm.minute(row.made_at) },
        { key: "model", label: "Model", value: plm.modelText },
        { key: "pair", label: "Languages", value: (row) => `${row.source_lang} → ${row.target_lang}` },
        { key: "predicted", label: "Forecast", number: true, value: (row) => row.predicted, cell: (row) => plm.score(row.predicted, tab.metric) },
        { key: "interval", label: "Interval", number: true, value: (row) => row.lower, cell: (row) => plm.intervalCell(row, tab.metric) },
        { key: "observed", label: "Observed", number: true, value: (row) => row.observed, cell: (row) => plm.observedCell(row, tab.metric) },
        { key: "error", label: "Error", number: true, value: (row) => row.error, cell: (row) => plm.score(row.error, tab.metric, true) },
      ], rows: grades, state: { sort: "-at" },
    }));
  };

  plm.costSentence = (costs) => {
    if (!costs.known && costs.proxies === null && costs.measured === null && costs.extrapolated === null) {
      return "What these scores cost is not known: imported scores come without a cost.";
    }
    const own = [["measured", costs.measured], ["extrapolated", costs.extrapolated]].filter(([, value]) => value !== null).map(([basis, value]) => `${plm.duration(value)} ${basis}`).join(" / ");
    return `All proxies of a setting took ${plm.duration(costs.proxies)}, the model itself ${own || "an unknown time"}`
      + (costs.speedUp === null ? "." : `: a speed-up of ${plm.factor(costs.speedUp)} over ${plm.plural(costs.known, "setting")} where both are known.`);
  };

  plm.views.costs = async (main, parameters) => {
    main.append(h("h1", {}, "What it costs"), h("p", {}, "Predicting pays only where the ", plm.term("proxies", "proxy model"), " are cheaper than the model whose score they predict: a ", plm.term("speed-up"), " above 1."));
    if (plm.start.tabs.length) {
      const tab = plm.tabOf(parameters);
      main.append(plm.tabs(tab, "costs"));
      const rows = await plm.tabRows(tab);
      const byModel = [...plm.groupBy(rows, plm.modelText)];
      for (const [model, own] of byModel) main.append(h("p", { class: "verdict" }, h("b", {}, `${model}: `), plm.costSentence(plm.rows.costs(own))));
      const lines = [...plm.groupBy(rows, (row) => `${row.board_language}\n${row.model_id}\n${row.mode}`).values()].map((group) => ({ ...group[0], ...plm.rows.costs(group) }))
        .filter((line) => line.proxies !== null || line.measured !== null || line.extrapolated !== null);
      if (lines.length) main.append(plm.table({
        caption: "Seconds of a setting, by language",
        columns: [
          { key: "language", label: "Language", value: (line) => plm.languageText(line.board_language), cell: (line) => plm.languageName(line.board_language) },
          { key: "model", label: "Model", value: plm.modelText },
          ...[["proxies", "Proxies", "All proxies of a setting together, mean"], ["measured", "Measured", "The model itself, where it ran here"], ["extrapolated", "Extrapolated", "The model itself, from its speed in other settings"]]
            .map(([key, label, hint]) => ({ key, label, hint, number: true, value: (line) => line[key], cell: (line) => plm.duration(line[key]) })),
          { key: "speedUp", label: "Speed-up", hint: plm.words["speed-up"], number: true, value: (line) => line.speedUp, cell: (line) => plm.factor(line.speedUp) },
          { key: "known", label: "Known", hint: "Settings in which both costs are known", number: true, value: (line) => line.known, cell: (line) => `${plm.count(line.known)} of ${plm.count(line.n)}` },
        ], rows: lines, state: { sort: "-speedUp" },
      }));
    }
    const seconds = (key, label) => ({ key, label, number: true, value: (row) => row[key], cell: (row) => plm.duration(row[key]) });
    main.append(h("h2", {}, "What was spent, failed runs included"), plm.table({
      caption: "By model, mode and task",
      columns: [
        { key: "model", label: "Model", value: plm.modelText },
        { key: "task", label: "Task", value: (row) => row.task },
        { key: "origin", label: "Origin", value: (row) => row.origin },
        ...[["runs", "Runs"], ["failed_runs", "Failed"], ["evaluations", "Evaluations"]].map(([key, label]) => ({ key, label, number: true, value: (row) => row[key], cell: (row) => plm.count(row[key]) })),
        seconds("train_seconds", "Training"), seconds("test_seconds", "Testing"), seconds("gpu_seconds", "GPU"),
        { key: "energy", label: "Energy", number: true, value: (row) => row.energy_joules, cell: (row) => row.energy_joules === null ? null : `${plm.number(row.energy_joules / 3600, 1)} Wh` },
      ], rows: plm.rowsOf(plm.start.costs), empty: "Nothing was run here.",
    }));
  };
})();
