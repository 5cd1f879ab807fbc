// The board itself: model by language, or every setting.
"use strict";
(() => {
  const h = plm.h;

  plm.intervalCell = (row, metric) => plm.interval(row.lower, row.upper, metric);
  plm.observedCell = (row, metric) => row.observed === null ? null
    : plm.score(row.observed, metric) + (row.observed_half_width === null || row.observed_half_width === undefined ? "" : ` ± ${plm.score(row.observed_half_width, metric)}`);
  plm.statusText = (row) => {
    const parts = [row.status];
    if (row.observed_origin === "imported") parts.push("imported");
    if (row.prediction_kind === "forecast") parts.push("forecast");
    else if (row.protocol) parts.push(`out of fold, ${row.protocol}`);
    if (row.reason) parts.push(row.reason);
    return parts.join("; ");
  };
  plm.statusCell = (row) => h("span", { title: [plm.words[row.prediction_kind === "forecast" ? "forecast" : "out of fold"], row.protocol && `${row.protocol}: ${plm.protocolText(row.protocol)}.`]
    .filter((text) => row.prediction_kind && text).join(" ") || null }, plm.statusText(row));
  plm.numberLink = (row, text) => h("a", {
    href: plm.href("number", { task: row.task, metric: row.metric, language: row.board_language, model: row.model_id, mode: row.mode, setting: row.setting_key }),
    title: "Where these numbers come from",
  }, text);
  plm.settingText = (row) => {
    const size = row.train_size === null ? "" : `, ${plm.count(row.train_size)} lines`;
    const trained = row.train_corpus === row.test_corpus ? `${row.train_corpus}${size}` : `${row.train_corpus}${size}, tested on ${row.test_corpus}`;
    return `${row.source_lang} → ${row.target_lang}, ${trained}`;
  };

  // Columns of a table of settings.
  plm.settingColumns = (metric, language = true) => [
    language && { key: "language", label: "Language", value: (row) => plm.languageText(row.board_language), cell: (row) => plm.languageName(row.board_language) },
    { key: "model", label: "Model", value: plm.modelText, cell: (row) => plm.modelAndMode(row) },
    { key: "setting", label: "Setting", hint: plm.words.setting, value: plm.settingText, cell: (row) => plm.numberLink(row, plm.settingText(row)), wide: true },
    { key: "predicted", label: "Predicted", hint: plm.words.predicted, number: true, value: (row) => row.predicted, cell: (row) => plm.score(row.predicted, metric) },
    { key: "interval", label: "Interval", hint: plm.words.interval, number: true, value: (row) => row.lower === null ? null : row.upper - row.lower, cell: (row) => plm.intervalCell(row, metric) },
    { key: "observed", label: "Observed", hint: plm.words.observed, number: true, value: (row) => row.observed, cell: (row) => plm.observedCell(row, metric) },
    { key: "error", label: "Error", hint: plm.words.error, number: true, value: (row) => row.error, cell: (row) => plm.score(row.error, metric, true) },
    { key: "status", label: "Status", hint: plm.words.status, value: plm.statusText, cell: plm.statusCell, wide: true },
  ].filter(Boolean);

  // Rows put together by language and model, with the rank of the model in the language.
  plm.byLanguage = (rows, tab) => [...plm.groupBy(rows, (row) => `${row.board_language}\n${row.model_id}\n${row.mode}`).values()].map((group) => {
    const { board_language, model_id, mode } = group[0];
    const ranking = plm.ranked(tab, board_language);
    const place = ranking.find((row) => row.model_id === model_id && row.mode === mode);
    const line = { ...plm.rows.sum(group), board_language, model_id, mode, name: plm.languageText(board_language) };
    line.rank = place && place.rank;
    line.rankText = place ? plm.rankText(place, ranking) : plm.NOTHING;
    line.abstained = [...new Set(group.filter((row) => row.status === "abstained").map((row) => row.reason))].join("; ");
    return line;
  });
  const statusesText = (line) => [
    ...Object.entries(line.statuses).filter(([, n]) => n).map(([status, n]) => `${plm.count(n)} ${status}`),
    line.abstained].filter(Boolean).join("; ");
  const languageColumns = (metric, tab, whole) => [
    { key: "language", label: "Language", value: (line) => line.name, cell: (line) => plm.languageName(line.board_language) },
    { key: "model", label: "Model", value: plm.modelText, cell: (line) => plm.modelAndMode(line) },
    whole && { key: "rank", label: "Rank", hint: plm.words.rank, number: true, value: (line) => line.rank, cell: (line) => line.rankText },
    { key: "predicted", label: "Predicted", hint: `${plm.words.predicted} Mean over settings.`, number: true, value: (line) => line.predicted, cell: (line) => plm.score(line.predicted, metric) },
    { key: "interval", label: "Interval", hint: plm.words["mean interval"], number: true, value: (line) => line.lower, cell: (line) => plm.intervalCell(line, metric) },
    { key: "observed", label: "Observed", hint: `${plm.words.observed} Mean over settings.`, number: true, value: (line) => line.observed, cell: (line) => plm.score(line.observed, metric) },
    { key: "rmse", label: "Error", hint: plm.words["root mean square"], number: true, value: (line) => line.rmse, cell: (line) => plm.score(line.rmse, metric) },
    { key: "inside", label: "Inside", hint: plm.words.inside, number: true, value: (line) => line.inside, cell: (line) => plm.share(line.inside) },
    { key: "settings", label: "Settings", hint: plm.words.setting, number: true, value: (line) => line.n, cell: (line) => h("a", { href: plm.href("board", { task: tab.task, metric: tab.metric, rows: "settings", language: line.board_language, model: line.model_id }) }, plm.count(line.n)) },
    { key: "status", label: "Status", hint: plm.words.status, value: statusesText, wide: true },
  ].filter(Boolean);

  const fact = (name) => (row) => (plm.language.get(row.board_language) || {})[name] || "unknown";
  const FILTERS = {
    language: { label: "Language", value: (row) => row.board_language, text: plm.languageText },
    model: { label: "Model", value: (row) => row.model_id },
    family: { label: "Family", value: fact("family") },
    script: { label: "Script", value: fact("script") },
    size: { label: "Model size", value: (row) => plm.sizeClass(row.model_id) },
    seen: { label: "Seen by the model", value: (row) => plm.seen(row.model_id, row.board_language), text: (value) => ({ seen: "yes", unseen: "no", unknown: "not known" })[value] },
    status: { label: "Status", value: (row) => row.status },
  };
  const matches = (row, words) => {
    const text = [plm.languageText(row.board_language), row.board_language, (plm.language.get(row.board_language) || {}).own, row.model_id, row.source_lang, row.target_lang, row.train_corpus, row.test_corpus, row.reason].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };

  plm.views.board = async (main, parameters) => {
    const { figures } = plm.start;
    main.append(h("h1", {}, "How good is which model, in which language?"),
      h("p", {}, "Scores of ", plm.term("estimated models", "estimated model"), " predicted from cheap ", plm.term("proxy models", "proxy model"),
        ", beside the scores that were really observed. Each setting leads to where its numbers come from."),
      h("div", { class: "figures" }, [["languages", "languages"], ["models", "models"], ["settings", "settings"], ["observed", "scores observed"], ["predicted", "only predicted"], ["abstained", "abstained"]]
        .map(([name, label]) => h("div", {}, h("b", {}, plm.count(figures[name])), h("span", {}, label)))));
    if (!plm.start.tabs.length) {
      main.append(plm.note("There are no predictions and no observed scores yet: plm-admin refresh or plm-admin import-records brings them."));
      return;
    }
    const tab = plm.tabOf(parameters);
    const { metric } = tab;
    main.append(plm.tabs(tab, "board", { rows: parameters.rows }));
    if (tab.lowerIsBetter) main.append(plm.note(`${metric}: lower is better.`));
    const loading = h("p", { role: "status" }, "Loading");
    main.append(loading);
    const leaders = plm.leaders(tab);
    const wanted = Object.fromEntries(Object.keys(FILTERS).map((name) => [name, parameters[name] || ""]));
    let search = parameters.q || "";
    let bySetting = parameters.rows === "settings";
    let rows = [];
    let table = null;

    const place = h("div");
    const found = h("p", { role: "status", class: "found" });
    const selects = {};
    for (const [name, filter] of Object.entries(FILTERS)) {
      selects[name] = h("select", { id: `filter-${name}`, onchange: (event) => {
        wanted[name] = event.target.value;
        plm.keep({ [name]: wanted[name], page: null });
        show();
      } });
      selects[name].box = h("label", { for: `filter-${name}` }, filter.label, selects[name]);
    }
    let timer = null;
    const box = h("input", { type: "search", id: "search", value: search, placeholder: "language, model, corpus", oninput: (event) => {
      search = event.target.value;
      clearTimeout(timer);
      timer = setTimeout(() => {
        plm.keep({ q: search, page: null });
        show();
      }, 120);
    } });
    const each = h("input", { type: "checkbox", id: "each", checked: bySetting, onchange: (event) => {
      bySetting = event.target.checked;
      plm.keep({ rows: bySetting ? "settings" : null, sort: null, page: null });
      table = null;
      show();
    } });
    const reset = h("a", { href: plm.href("board", { task: tab.task, metric }) }, "Show all");
    main.append(leaders, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      h("label", { for: "search" }, "Search", box), Object.values(selects).map((select) => select.box),
      h("label", { for: "each", class: "check" }, each, "every setting"), reset), found, place);

    function fill() {
      for (const [name, filter] of Object.entries(FILTERS)) {
        const text = filter.text || String;
        const values = [...new Set(rows.map(filter.value))];
        if (wanted[name] && !values.includes(wanted[name])) values.push(wanted[name]);
        values.sort((a, b) => text(a).localeCompare(text(b), "en", { numeric: true }));
        selects[name].replaceChildren(h("option", { value: "" }, "all"), ...values.map((value) => h("option", { value, selected: value === wanted[name] }, text(value))));
      }
    }
    // A language may be known in another task alone.
    function elsewhere() {
      const others = [...plm.groupBy(plm.start.tabs.filter((one) => one.task !== tab.task), (one) => one.task).values()].map(([first]) => first);
      return others.length ? plm.note("Look for the same in ", others.flatMap((one, i) => [i ? ", " : "", h("a", {
        href: plm.href("board", { ...wanted, q: search, task: one.task, metric: one.metric, rows: bySetting ? "settings" : null }) }, `${plm.taskName(one.task)}, ${one.metric}`)]), ".") : "";
    }
    function show() {
      const words = search.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = Object.entries(wanted).filter(([, value]) => value);
      const kept = rows.filter((row) => chosen.every(([name, value]) => FILTERS[name].value(row) === value) && matches(row, words));
      // A rank holds for all settings of a language, so it is shown where all of them are.
      const whole = !words.length && chosen.every(([name]) => ["language", "model", "family", "script"].includes(name));
      const lines = bySetting ? kept : plm.byLanguage(kept, tab);
      found.textContent = bySetting ? plm.plural(kept.length, "setting") : `${plm.plural(lines.length, "line")}, means over ${plm.plural(kept.length, "setting")}`;
      const { parameters: now } = plm.address();
      table = plm.table({
        caption: bySetting ? `Every setting, ${metric}` : `Models by language, ${metric}`,
        columns: bySetting ? plm.settingColumns(metric) : languageColumns(metric, tab, whole),
        rows: lines, state: { sort: now.sort || "language", page: now.page }, keep: plm.keep, empty: "No setting fits. \"Show all\" takes the filters away.",
      });
      place.replaceChildren(table, kept.length ? "" : elsewhere());
    }
    rows = await plm.tabRows(tab, (some) => {
      const first = !rows.length;
      rows = some;
      loading.textContent = `${plm.count(rows.length)} of ${plm.count(tab.rows)} rows are here, the others are on their way`;
      if (first) {
        fill();
        show();
      }
    });
    loading.remove();
    fill();
    show();
  };

  // Which model is ahead over all languages, with what may not be compared said.
  plm.leaders = (tab, language = "*") => {
    const ranking = plm.ranked(tab, language);
    if (!ranking.length) return plm.note("No model has a score or a prediction here.");
    const pools = [...plm.groupBy(ranking, (row) => row.pool).values()];
    const missing = ranking.some((row) => row.settings < row.of);
    return h("section", { class: "leaders" }, h("h2", {}, language === "*" ? "Which model is ahead" : "Which model is ahead here"),
      pools.length > 1 ? plm.note("These models share no settings, so they are ranked apart.") : null,
      missing ? plm.note("A model that lacks some of the settings is not ranked against those that have them all.") : null,
      pools.map((pool) => plm.table({
        caption: `Means over ${plm.plural(pool[0].of, "setting")}, ${tab.metric}`,
        columns: [
          { key: "model", label: "Model", value: plm.modelText, cell: (row) => plm.modelAndMode(row) },
          { key: "rank", label: "Rank", hint: plm.words.rank, number: true, value: (row) => row.rank, cell: (row) => plm.rankText(row, ranking) },
          { key: "value", label: "Score", hint: "Mean: observed where there is a score, else predicted.", number: true, value: (row) => row.value, cell: (row) => plm.score(row.value, tab.metric) },
          { key: "interval", label: "Interval", hint: plm.words["mean interval"], number: true, value: (row) => row.lower, cell: (row) => row.lower === row.upper ? "not given" : plm.interval(row.lower, row.upper, tab.metric) },
          { key: "observed", label: "Observed", hint: plm.words.observed, number: true, value: (row) => row.observed, cell: (row) => `${plm.count(row.observed)} of ${plm.count(row.settings)}` },
        ], rows: pool,
      })));
  };
})();
