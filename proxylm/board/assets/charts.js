// Pictures, drawn by Vega-Lite, which is loaded when the first one is wanted.
"use strict";
(() => {
  const h = plm.h;
  const POINTS = 1500; // more would be grey, and slow
  const drawn = new Set();

  function colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    const axis = { labelColor: of("--ink"), titleColor: of("--ink"), gridColor: of("--line"), domainColor: of("--soft"), tickColor: of("--soft") };
    return {
      soft: of("--soft"),
      config: {
        background: "transparent", font: "system-ui, sans-serif", view: { stroke: of("--line") }, axis,
        legend: { labelColor: of("--ink"), titleColor: of("--ink"), orient: "top", labelLimit: 320, title: null, symbolOpacity: 1 },
        range: { category: ["--one", "--two", "--three", "--four", "--five", "--six"].map(of) },
        header: { labelColor: of("--ink") },
      },
    };
  }

  // A picture with a heading, and a sentence on what it shows, for those who cannot see it as well.
  plm.chart = (title, description, spec) => {
    const place = h("div", { class: "canvas", role: "img", "aria-label": `${title}. ${description}` });
    const element = h("figure", {}, h("figcaption", {}, h("h3", {}, title), h("p", {}, description)), place);
    element.draw = async () => {
      await plm.library("vega");
      const look = colours();
      await vegaEmbed(place, { width: "container", autosize: { type: "fit-x", contains: "padding" }, ...spec(look), config: look.config },
        { mode: "vega-lite", renderer: "svg", actions: false, ast: true, defaultStyle: false });
      place.dataset.drawn = "yes";
    };
    drawn.add(element);
    // The first picture waits until the element is in the page and has a width.
    requestAnimationFrame(() => element.draw().catch((error) => place.append(String(error.message))));
    return element;
  };
  plm.redraw = () => {
    for (const element of drawn) {
      if (element.isConnected) element.draw();
      else drawn.delete(element);
    }
  };

  // Evenly spaced rows, so that the same rows give the same picture.
  function some(rows) {
    const step = Math.max(1, rows.length / POINTS);
    return Array.from({ length: Math.min(rows.length, POINTS) }, (_, i) => rows[Math.floor(i * step)]);
  }
  const ends = (rows, names) => {
    const values = rows.flatMap((row) => names.map((name) => row[name])).filter((value) => value !== null);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const margin = 0.04 * (high - low) || 1;
    return [low - margin, high + margin];
  };
  const diagonal = (domain, colour) => ({
    data: { values: domain.map((x) => ({ x, y: x })) },
    mark: { type: "line", strokeDash: [4, 4], color: colour },
    encoding: { x: { field: "x", type: "quantitative" }, y: { field: "y", type: "quantitative" } },
  });

  plm.scatter = (rows, metric) => {
    const shown = some(rows);
    const note = shown.length < rows.length ? `${plm.count(shown.length)} of ${plm.count(rows.length)} settings, evenly chosen. ` : "";
    return plm.chart("Predicted against observed",
      `${note}On the dashed line the prediction was right; the bars are prediction intervals. A model in the legend hides the others.`,
      ({ soft }) => {
        const domain = ends(shown, ["predicted", "observed"]);
        const scale = { domain, nice: false, zero: false };
        const data = { values: shown.map((row) => ({
          ...row, model: plm.modelText(row),
          setting: `${row.source_lang} to ${row.target_lang}, ${row.train_corpus} to ${row.test_corpus}`,
        })) };
        const x = { field: "observed", type: "quantitative", scale, title: `Observed ${metric}` };
        const color = { field: "model", type: "nominal" };
        const opacity = (yes) => ({ condition: { param: "chosen", value: yes, empty: true }, value: 0 });
        return { height: 400, layer: [
          { data, mark: { type: "rule", clip: true },
            params: [{ name: "chosen", select: { type: "point", fields: ["model"] }, bind: "legend" }],
            encoding: { x, color, opacity: opacity(Math.max(0.13, Math.min(0.5, 40 / shown.length))),
              y: { field: "lower", type: "quantitative", scale, title: `Predicted ${metric}` }, y2: { field: "upper" } } },
          diagonal(domain, soft),
          { data, mark: { type: "point", filled: true, size: 22, clip: true },
            encoding: { x, color, opacity: opacity(0.7),
              y: { field: "predicted", type: "quantitative", scale },
              tooltip: ["model", "setting", "predicted", "lower", "upper", "observed"].map((field) => ({ field, format: typeof data.values[0][field] === "number" ? ".3~f" : undefined })) } },
        ] };
      });
  };

  // Tenths of the predictions, lowest first: what was predicted in them, and what was observed.
  plm.tenths = (rows) => [...plm.groupBy(rows, plm.modelText)].flatMap(([model, own]) => {
    const sorted = [...own].sort((a, b) => a.predicted - b.predicted);
    const n = Math.min(10, sorted.length);
    return Array.from({ length: n }, (_, i) => {
      const part = sorted.slice(Math.floor((i * sorted.length) / n), Math.floor(((i + 1) * sorted.length) / n));
      return { model, rows: part.length, predicted: plm.mean(part.map((row) => row.predicted)), observed: plm.mean(part.map((row) => row.observed)) };
    });
  });
  plm.calibration = (rows, metric) => plm.chart("Calibration",
    "Each point is a tenth of a model's predictions: its mean prediction, and the mean of what was observed. Above the dashed line predictions are too low.",
    ({ soft }) => {
      const values = plm.tenths(rows);
      const domain = ends(values, ["predicted", "observed"]);
      const scale = { domain, nice: false, zero: false };
      return { height: 300, layer: [diagonal(domain, soft), {
        data: { values }, mark: { type: "line", point: { size: 40, filled: true } },
        encoding: {
          x: { field: "predicted", type: "quantitative", scale, title: `Mean predicted ${metric}` },
          y: { field: "observed", type: "quantitative", scale, title: `Mean observed ${metric}` },
          color: { field: "model", type: "nominal" },
          tooltip: ["model", "rows", "predicted", "observed"].map((field) => ({ field, format: ".3~f" })).map((one) => one.field === "model" ? { field: "model" } : one),
        } }] };
    });

  plm.worst = (lines, metric) => {
    const shown = lines.slice(0, 20);
    return plm.chart("Error by language, the worst first",
      `Root mean square error in the ${plm.plural(shown.length, "line")} with the largest; the table below has all.`,
      () => ({ height: Math.max(60, 18 * shown.length), data: { values: shown.map((line) => ({ ...line, label: `${line.name}, ${line.model_id}` })) },
        mark: "bar", encoding: {
          y: { field: "label", type: "nominal", sort: null, title: null, axis: { labelLimit: 260 } },
          x: { field: "rmse", type: "quantitative", title: `Error in ${metric}` },
          color: { field: "model_id", type: "nominal", legend: null },
          tooltip: [{ field: "label" }, { field: "rmse", format: ".3~f" }, { field: "n" }],
        } }));
  };

  plm.coverageChart = (lines, level) => plm.chart("Are the intervals as wide as they should be?",
    `Each tick is a language: the share of its observed scores inside their interval. The dashed line is the promise, ${plm.share(level)}.`,
    ({ soft }) => ({ height: 40 + 34 * new Set(lines.map(plm.modelText)).size, layer: [
      { data: { values: lines.map((line) => ({ ...line, model: plm.modelText(line) })) }, mark: { type: "tick", thickness: 2, opacity: 0.7 },
        encoding: { x: { field: "inside", type: "quantitative", scale: { domain: [0, 1] }, axis: { format: "%" }, title: "Share inside" },
          y: { field: "model", type: "nominal", title: null }, color: { field: "model", type: "nominal", legend: null },
          tooltip: [{ field: "name" }, { field: "inside", format: ".0%" }, { field: "judged" }] } },
      { data: { values: [{ level }] }, mark: { type: "rule", strokeDash: [4, 4], color: soft }, encoding: { x: { field: "level", type: "quantitative" } } },
    ] }));

  plm.levelsChart = (levels) => plm.chart("Promise and truth of the intervals",
    "Share of held-out scores inside intervals of several levels. On the dashed line intervals hold exactly what they promise; above it they are wider than that.",
    ({ soft }) => {
      const scale = { domain: [0, 1] };
      return { height: 260, layer: [diagonal([0, 1], soft), {
        data: { values: levels }, mark: { type: "line", point: { size: 50, filled: true } },
        encoding: {
          x: { field: "level", type: "quantitative", scale, axis: { format: "%" }, title: "Promised" },
          y: { field: "inside", type: "quantitative", scale, axis: { format: "%" }, title: "Inside" },
          color: { field: "model", type: "nominal" },
          tooltip: [{ field: "model" }, ...["level", "inside", "languages"].map((field) => ({ field, format: ".0%" }))],
        } }] };
    });

  plm.trackChart = (days, metric) => plm.chart("Track record over time",
    "Error of the forecasts whose score arrived on a day, and of all until then.",
    () => ({ height: 240, data: { values: days }, encoding: { x: { field: "day", type: "temporal", title: "Day on which the scores arrived" } }, layer: [
      { mark: { type: "point", filled: true, size: 40 }, encoding: { y: { field: "rmse", type: "quantitative", title: `Error in ${metric}` }, color: { field: "model", type: "nominal" }, tooltip: [{ field: "day" }, { field: "model" }, { field: "n" }, { field: "rmse", format: ".3~f" }] } },
      { mark: "line", encoding: { y: { field: "rmseSoFar", type: "quantitative" }, color: { field: "model", type: "nominal" } } },
    ] }));
})();
