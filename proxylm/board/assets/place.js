// A page for each language and each model.
"use strict";
(() => {
  const h = plm.h;

  plm.views.languages = async (main) => {
    const settings = plm.groupBy(plm.rowsOf(plm.start.ranking).filter((row) => row.language !== "*"), (row) => row.language);
    main.append(h("h1", {}, "Languages"), plm.table({
      caption: "All languages",
      columns: [
        { key: "name", label: "Language", value: (one) => one.name, cell: (one) => plm.languageName(one.language) },
        { key: "code", label: "Code", value: (one) => one.language },
        { key: "family", label: "Family", value: (one) => one.family },
        { key: "script", label: "Script", value: (one) => one.script },
        { key: "level", label: "Share of the web", hint: "Level of the language's share of web pages", value: (one) => one.resource_level },
        { key: "models", label: "Models", hint: "Estimated models on the board in this language", number: true, value: (one) => new Set((settings.get(one.language) || []).map(plm.modelText)).size, cell: (one) => plm.count(new Set((settings.get(one.language) || []).map(plm.modelText)).size) },
      ], rows: plm.start.languages, state: { sort: "name" },
    }));
  };

  plm.views.language = async (main, parameters) => {
    const language = plm.language.get(parameters.code);
    if (!language) return main.append(h("h1", {}, "No such language"), plm.note("The board has no language ", h("code", {}, String(parameters.code)), "."));
    const tabs = plm.start.tabs.filter((tab) => plm.ranked(tab, language.language).length);
    main.append(h("h1", {}, plm.languageName(language.language, false)), plm.facts([
      ["Code", language.language],
      ["Script", language.script && `${language.script}${language.script_assumed ? " (assumed, it was not given)" : ""}`],
      ["Family", language.family],
      ["Speakers", language.speakers && `${language.speakers}${language.speakers_imputed ? " (of the macrolanguage)" : ""}`],
      ["Share of the web", language.resource_level],
    ]));
    const known = Object.keys(plm.start.seen).sort();
    const groups = plm.groupBy(known, (model) => plm.seen(model, language.language));
    const said = [["seen", "seen by"], ["unseen", "unseen by"], ["unknown", "not known of"]].filter(([key]) => groups.has(key)).map(([key, text]) => `${text} ${groups.get(key).join(", ")}`);
    if (said.length) main.append(h("p", {}, plm.term("The language in training", "seen"), `: ${said.join("; ")}.`));
    if (!tabs.length) {
      main.append(plm.note("No estimated model has a score or a prediction in this language."));
      return;
    }
    const tab = plm.tabOf(parameters, tabs);
    const { metric } = tab;
    main.append(plm.tabs(tab, "language", { code: language.language }, tabs));
    const choices = plm.choicesOf(tab, language.language).sort((a, b) => a.expected_regret - b.expected_regret);
    if (choices.length) {
      const [best, second] = choices;
      main.append(h("p", { class: "verdict" }, h("b", {}, `Take ${plm.modelText(best)}. `),
        `It is the best with a probability of ${plm.share(best.probability_best)}; taking it costs ${plm.number(best.expected_regret, metric === "comet" ? 4 : 2)} ${metric} on average against always taking the best.`,
        second ? "" : " Nothing else was compared with it."),
      plm.table({ caption: `Which model to take, ${metric}`, columns: plm.choiceColumns(metric, false), rows: choices }));
    } else main.append(plm.note("The probability of being the best has not been computed for this language and metric; intervals alone say this:"));
    main.append(plm.leaders(tab, language.language));
    const advice = plm.adviceOf(tab, language.language);
    main.append(h("h2", {}, "Should I fine-tune?"), advice.length
      ? plm.table({ caption: `Fine-tuned beside zero-shot, ${metric}`, columns: plm.adviceColumns(metric, false), rows: advice })
      : plm.note("Nothing is known yet of what fine-tuning gains here."));
    const rows = (await plm.tabRows(tab)).filter((row) => row.board_language === language.language);
    const sums = plm.byLanguage(rows, tab);
    main.append(h("h2", {}, "How good are the predictions here?"), h("ul", {}, sums.map((line) => h("li", {}, `${plm.modelText(line)}: `,
      line.both ? `error ${plm.score(line.rmse, metric)} over ${plm.plural(line.both, "setting")}; ${plm.share(line.inside)} of the scores inside their interval` : "no score to compare with yet"))),
    h("h2", {}, "What it cost"), h("ul", {}, [...plm.groupBy(rows, plm.modelText)].map(([model, own]) => h("li", {}, `${model}: ${plm.costSentence(plm.rows.costs(own))}`))),
    h("h2", {}, "Every setting"), plm.table({ caption: `Settings, ${metric}`, columns: plm.settingColumns(metric, false), rows, state: { sort: parameters.sort || "setting", page: parameters.page }, keep: plm.keep }));
  };

  plm.views.models = async (main) => {
    const role = (model) => [model.estimated_modes.length ? `estimated (${model.estimated_modes.map(plm.mode).join(", ")})` : "", model.proxy_modes.length ? `proxy (${model.proxy_modes.map(plm.mode).join(", ")})` : ""].filter(Boolean).join("; ");
    main.append(h("h1", {}, "Models"), plm.table({
      caption: "All models",
      columns: [
        { key: "id", label: "Model", value: (one) => one.model_id, cell: (one) => plm.modelName(one.model_id) },
        { key: "role", label: "Role", value: role, wide: true },
        { key: "kind", label: "Architecture", value: (one) => one.architecture },
        { key: "size", label: "Parameters", number: true, value: (one) => one.n_parameters, cell: (one) => plm.size(one.n_parameters) },
        { key: "source", label: "Described by", value: (one) => one.source },
      ], rows: [...plm.model.values()], state: { sort: "id" },
    }));
  };

  plm.views.model = async (main, parameters) => {
    const model = plm.model.get(parameters.id);
    if (!model) return main.append(h("h1", {}, "No such model"), plm.note("The board has no model ", h("code", {}, String(parameters.id)), "."));
    const known = plm.start.seen[model.model_id];
    main.append(h("h1", {}, h("bdi", {}, model.model_id)), plm.facts([
      ["Architecture", model.architecture], ["Parameters", plm.size(model.n_parameters)], ["Revisions", model.revisions.join(", ")],
      ["Estimated in", model.estimated_modes.map(plm.mode).join(", ")], ["Proxy in", model.proxy_modes.map(plm.mode).join(", ")],
      ["Languages", known ? Object.entries(known).map(([relation, languages]) => `${plm.count(languages.length)} ${relation.replace("_", "-")}`).join(", ") : "not known"],
      ["Described by", model.source],
    ]));
    const tabs = plm.start.tabs.filter((tab) => plm.ranked(tab).some((row) => row.model_id === model.model_id));
    if (!tabs.length) {
      main.append(plm.note("It is on the board as a proxy only: its scores are where predictions for other models come from, and each of those names them."));
      return;
    }
    const tab = plm.tabOf(parameters, tabs);
    const { metric } = tab;
    main.append(plm.tabs(tab, "model", { id: model.model_id }, tabs), ...plm.verdicts(tab, model.model_id), plm.leaders(tab));
    const rows = (await plm.tabRows(tab)).filter((row) => row.model_id === model.model_id);
    main.append(h("p", {}, plm.costSentence(plm.rows.costs(rows))), h("h2", {}, "By language"), plm.table({
      caption: `${model.model_id} by language, ${metric}`,
      columns: [
        { key: "language", label: "Language", value: (line) => line.name, cell: (line) => plm.languageName(line.board_language) },
        { key: "seen", label: "Seen", hint: plm.words.seen, value: (line) => plm.seen(model.model_id, line.board_language) },
        { key: "rank", label: "Rank", hint: plm.words.rank, number: true, value: (line) => line.rank, cell: (line) => line.rankText },
        { key: "predicted", label: "Predicted", hint: plm.words.predicted, number: true, value: (line) => line.predicted, cell: (line) => plm.score(line.predicted, metric) },
        { key: "observed", label: "Observed", hint: plm.words.observed, number: true, value: (line) => line.observed, cell: (line) => plm.score(line.observed, metric) },
        { key: "rmse", label: "Error", hint: plm.words["root mean square"], number: true, value: (line) => line.rmse, cell: (line) => plm.score(line.rmse, metric) },
        { key: "inside", label: "Inside", hint: plm.words.inside, number: true, value: (line) => line.inside, cell: (line) => plm.share(line.inside) },
      ], rows: plm.byLanguage(rows, tab), state: { sort: parameters.sort || "language", page: parameters.page }, keep: plm.keep,
    }), h("h2", {}, "Quality by what was left out"), plm.qualityTable(plm.qualityOf(tab, model.model_id), metric));
  };
})();
