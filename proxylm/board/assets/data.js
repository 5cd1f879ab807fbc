// The board's data: small scripts that call plm.receive, since a page opened from a file may load
// scripts but fetch nothing. Tables come column by column; rowsOf gives them back row by row.
"use strict";
const plm = { views: {}, start: null, publication: null };

(() => {
  const waiting = new Map(); // name: what to do when its content arrives
  const asked = new Map(); // name: promise of its content

  plm.receive = (name, publication, content) => {
    if (name === "start") {
      plm.start = content;
      plm.publication = publication;
      return;
    }
    const { resolve, reject } = waiting.get(name);
    if (publication === plm.publication) resolve(content);
    else reject(new Error("The board was published anew while you were reading. Reload the page."));
  };

  function addScript(address, failed) {
    const script = document.createElement("script");
    script.src = address;
    script.onerror = failed;
    document.head.append(script);
    return script;
  }

  // The content of data/<name>.js, loaded once.
  plm.load = (name) => {
    if (!asked.has(name)) {
      asked.set(name, new Promise((resolve, reject) => {
        waiting.set(name, { resolve, reject });
        addScript(`data/${name}.js?${encodeURIComponent(plm.publication)}`, () => {
          asked.delete(name);
          reject(new Error(`data/${name}.js cannot be loaded. Is it still beside the page?`));
        });
      }));
    }
    return asked.get(name);
  };

  // A script of assets/, loaded once.
  plm.library = (name) => {
    if (!asked.has(name)) {
      asked.set(name, new Promise((resolve, reject) => {
        addScript(`assets/${name}.js`, () => reject(new Error(`assets/${name}.js is missing.`)))
          .onload = resolve;
      }));
    }
    return asked.get(name);
  };

  // Rows of a table as objects.
  plm.rowsOf = (table) => {
    const columns = Object.entries(table.columns).map(([name, column]) => {
      if (Array.isArray(column)) return [name, (i) => column[i]];
      const { values, codes } = column;
      return [name, (i) => (codes[i] < 0 ? null : values[codes[i]])];
    });
    return Array.from({ length: table.n }, (_, i) => {
      const row = {};
      for (const [name, value] of columns) row[name] = value(i);
      return row;
    });
  };

  const tabs = new Map();

  // The rows of a tab. `progress` gets those that are there already, while more are on their way.
  plm.tabRows = async (tab, progress = () => {}) => {
    const key = plm.tabKey(tab);
    if (tabs.has(key)) return tabs.get(key);
    let rows = [];
    for (const name of tab.files) {
      rows = rows.concat(plm.rowsOf(await plm.load(name)).map((row) => plm.rows.complete(row, tab)));
      if (rows.length < tab.rows) progress(rows);
    }
    tabs.set(key, rows);
    return rows;
  };

  plm.tabKey = (tab) => `${tab.task}/${tab.metric}`;
  plm.tab = (task, metric) =>
    plm.start.tabs.find((tab) => tab.task === task && tab.metric === metric);

  // What follows from a row's own columns.
  plm.rows = {
    complete(row, tab) {
      row.task = tab.task;
      row.metric = tab.metric;
      row.error = row.predicted === null || row.observed === null ? null
        : row.predicted - row.observed;
      row.inside = row.error === null || row.lower === null || row.upper === null ? null
        : row.lower <= row.observed && row.observed <= row.upper;
      return row;
    },
    // Means and shares over rows; null where nothing is known.
    sum(rows) {
      const errors = plm.known(rows.map((row) => row.error));
      const inside = plm.known(rows.map((row) => row.inside));
      const count = (status) => rows.filter((row) => row.status === status).length;
      return {
        n: rows.length,
        predicted: plm.mean(rows.map((row) => row.predicted)),
        lower: plm.mean(rows.map((row) => row.lower)),
        upper: plm.mean(rows.map((row) => row.upper)),
        observed: plm.mean(rows.map((row) => row.observed)),
        rmse: errors.length ? Math.sqrt(plm.mean(errors.map((error) => error * error))) : null,
        inside: plm.mean(inside.map(Number)),
        judged: inside.length,
        both: errors.length,
        statuses: { observed: count("observed"), predicted: count("predicted"), abstained: count("abstained") },
      };
    },
    // Costs, each setting once; the ratio is one of sums over settings where both are known.
    costs(rows) {
      const once = [...new Map(rows.map((r) => [`${r.setting_key} ${r.model_id} ${r.mode}`, r])).values()];
      const both = once.filter((r) => r.proxy_seconds !== null && r.estimated_seconds !== null);
      const sum = (name) => both.reduce((total, row) => total + row[name], 0);
      const of = (basis) => plm.mean(once.filter((r) => r.estimated_basis === basis).map((r) => r.estimated_seconds));
      return {
        n: once.length,
        known: both.length,
        proxies: plm.mean(once.map((r) => r.proxy_seconds)),
        measured: of("measured"),
        extrapolated: of("extrapolated"),
        speedUp: sum("proxy_seconds") > 0 ? sum("estimated_seconds") / sum("proxy_seconds") : null,
      };
    },
  };

  plm.known = (values) => values.filter((value) => value !== null && value !== undefined);
  plm.mean = (values) => {
    const known = plm.known(values);
    return known.length ? known.reduce((total, value) => total + value, 0) / known.length : null;
  };
  plm.groupBy = (rows, key) => {
    const groups = new Map();
    for (const row of rows) {
      const name = key(row);
      if (groups.has(name)) groups.get(name).push(row);
      else groups.set(name, [row]);
    }
    return groups;
  };
})();
