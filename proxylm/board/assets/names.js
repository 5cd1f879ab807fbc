// Addresses, and how languages and models are named and found.
"use strict";
(() => {
  const h = plm.h;

  // The view and its parameters are the part of the address after #, so a link leads back to them.
  plm.address = () => {
    const [view, query] = location.hash.slice(1).split("?");
    return { view: view || "board", parameters: Object.fromEntries(new URLSearchParams(query || "")) };
  };
  plm.href = (view, parameters = {}) => {
    const kept = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
    const query = new URLSearchParams(kept).toString();
    return `#${view}${query ? `?${query}` : ""}`;
  };
  // Note parameters in the address without drawing the page again.
  plm.keep = (changes) => {
    const { view, parameters } = plm.address();
    history.replaceState(null, "", plm.href(view, { ...parameters, ...changes }));
  };

  plm.prepare = () => {
    plm.language = new Map(plm.start.languages.map((language, i) =>
      [language.language, { ...language, file: `language-${i}` }]));
    plm.model = new Map();
    for (const model of plm.start.models) {
      const known = plm.model.get(model.model_id);
      if (known) known.revisions.push(model.revision);
      else plm.model.set(model.model_id, { ...model, revisions: [model.revision] });
    }
    plm.ranking = plm.groupBy(plm.rowsOf(plm.start.ranking), (row) => `${row.task}/${row.metric}/${row.language}`);
  };
  plm.ranked = (tab, language = "*") => plm.ranking.get(`${tab.task}/${tab.metric}/${language}`) || [];

  // A language by its English name and its own, in its own direction.
  plm.languageName = (code, link = true) => {
    const language = plm.language.get(code) || { name: code };
    const own = language.own && language.own.toLowerCase() !== language.name.toLowerCase()
      ? [" ", h("bdi", { class: "own", lang: language.tag, dir: language.dir }, language.own)] : [];
    const name = h("bdi", {}, language.name);
    return h("span", { class: "language", title: code },
      link ? h("a", { href: plm.href("language", { code }) }, name) : name, ...own);
  };
  plm.languageText = (code) => (plm.language.get(code) || { name: code }).name;
  plm.modelName = (id) => h("a", { href: plm.href("model", { id }) }, h("bdi", {}, id));
  plm.modelAndMode = (row) => h("span", { class: "who" }, plm.modelName(row.model_id), `, ${plm.mode(row.mode)}`);
  plm.modelText = (row) => `${row.model_id}, ${plm.mode(row.mode)}`;

  // seen, unseen or unknown: what the makers' lists say of a model and a language.
  plm.seen = (model, language) => {
    const known = plm.start.seen[model];
    if (!known) return "unknown";
    if (Object.values(known).some((languages) => languages.includes(language))) return "seen";
    return known.pre_training ? "unseen" : "unknown";
  };
  plm.sizes = [["under 1 B", 1e9], ["1 to 3 B", 3e9], ["3 to 10 B", 1e10], ["10 B and more", Infinity]];
  plm.sizeClass = (model) => {
    const parameters = (plm.model.get(model) || {}).n_parameters;
    if (parameters === null || parameters === undefined) return "unknown";
    return plm.sizes.find(([, below]) => parameters < below)[0];
  };

  // "1", or "1, shared by 2" where intervals overlap.
  plm.rankText = (row, rows) => {
    if (row.rank === null) {
      return row.settings < row.of
        ? `not ranked: ${plm.count(row.settings)} of ${plm.count(row.of)} settings` : "alone";
    }
    const sharing = rows.filter((other) => other.pool === row.pool && other.band === row.band).length;
    return sharing > 1 ? `${row.rank}, shared by ${sharing}` : String(row.rank);
  };

  // Links to the tasks and metrics; `here` is the tab that is shown.
  plm.tabs = (here, view, parameters = {}, tabs = plm.start.tabs) => {
    const groups = [...plm.groupBy(tabs, (tab) => tab.task)].map(([task, some]) => h("li", {},
      h("span", { class: "task" }, plm.taskName(task)), some.map((tab) => h("a", {
        href: plm.href(view, { ...parameters, task: tab.task, metric: tab.metric }),
        "aria-current": tab === here ? "page" : null,
      }, tab.metric))));
    return h("nav", { class: "tabs", "aria-label": "Task and metric" }, h("ul", {}, groups));
  };
  plm.tabOf = (parameters, tabs = plm.start.tabs) =>
    tabs.find((tab) => tab.task === parameters.task && tab.metric === parameters.metric) || tabs[0];
})();
