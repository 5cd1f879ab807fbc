// How the numbers are made and what they do not say; what is not on the board; the files.
"use strict";
(() => {
  const h = plm.h;

  plm.views.method = async (main) => {
    const paragraph = (...text) => h("p", {}, ...text);
    main.append(h("h1", {}, "Method, and what to beware of"),
      paragraph("The method is that of ProxyLM (arXiv 2406.09334). Running an ", plm.term("estimated model"), " in every language is expensive. Small ", plm.term("proxy models", "proxy model"),
        " are trained and tested in the same ", plm.term("settings", "setting"), " instead, and a regressor predicts the estimated model's score from theirs, from the texts and from the languages."),
      h("h2", {}, "What a prediction is"),
      paragraph("Where nobody knows the score it is a ", plm.term("forecast"), ". Where the score is known, the board shows the value of a predictor that was fitted without the row's language (",
        plm.term("out of fold"), "). Values of a predictor that had seen the score are never shown."),
      paragraph("Intervals come from held-out errors in other languages. A single language may still be far from the promise, which the page Trust shows language by language. Where too few languages are known, or a setting is far from all that is known, there is no honest interval, so none is given or the predictor abstains."),
      h("h2", {}, "What was left out"), h("dl", {}, Object.entries(plm.protocols).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, `${text}.`)])),
      h("h2", {}, "Leak alarm"), leaks(),
      h("h2", {}, "Noise floor"), paragraph("Observed scores are uncertain themselves. Where an error is near the ", plm.term("noise floor"), ", a better predictor could not be told from a worse one. It is not known where scores came without an uncertainty."),
      h("h2", {}, "Ranks"), paragraph("Models are ranked on the same settings only. Their intervals are the means of the settings' intervals, which is what is certain even if all errors go the same way; models whose intervals overlap share a rank. An observed score without a stated uncertainty counts as exact."),
      h("h2", {}, "Quality of every predictor"),
      ...plm.start.tabs.filter((tab) => plm.qualityOf(tab).length).map((tab) => plm.qualityTable(plm.qualityOf(tab), tab.metric, `${plm.taskName(tab.task)} ${tab.metric}`)),
      h("h2", {}, "Corpora"), plm.table({
        caption: "Texts that scores are about",
        columns: [
          { key: "corpus", label: "Corpus", value: (one) => one.corpus_id }, { key: "task", label: "Task", value: (one) => one.task },
          { key: "parts", label: "Languages or pairs", number: true, value: (one) => one.parts, cell: (one) => plm.count(one.parts) },
          { key: "licence", label: "Licence", value: (one) => one.licence || "not given" }, { key: "source", label: "Source", value: (one) => one.source, wide: true },
        ], rows: plm.rowsOf(plm.start.corpora), state: { sort: "corpus" },
      }),
      h("h2", {}, "Words"), h("dl", {}, Object.entries(plm.words).flatMap(([word, text]) => [h("dt", {}, word), h("dd", {}, text)])));
  };

  function leaks() {
    const lines = plm.start.tabs.flatMap((tab) => plm.qualityOf(tab).filter((line) => line.values.shared_run_group > 0).map((line) => [tab, line]));
    if (!lines.length) return plm.note("No protocol shares a fine-tuning between training and test.");
    return h("div", {}, h("p", {}, "In these, part of the test rows come from a fine-tuning that is also in training, so that the error looks smaller than it is for something wholly new:"),
      h("ul", {}, lines.map(([tab, line]) => h("li", {}, `${plm.taskName(tab.task)} ${tab.metric}, ${plm.modelText(line)}, ${line.protocol}: `, h("strong", { class: "alarm" }, plm.share(line.values.shared_run_group))))));
  }

  plm.views.excluded = async (main) => {
    main.append(h("h1", {}, "What is not on the board, and why"), h("p", {}, "Everything in the warehouse is on the board, in the pages on where numbers come from, or here. Each single thing is in the view ", h("code", {}, "excluded"), "."),
      plm.table({
        caption: "In the warehouse, not on the board",
        columns: [["kind", "What", 0], ["task", "Task", 1], ["metric", "Metric", 2], ["model", "Model", 3]].map(([key, label, i]) => ({ key, label, value: (one) => one[i] }))
          .concat([{ key: "n", label: "How many", number: true, value: (one) => one[5], cell: (one) => plm.count(one[5]) }, { key: "reason", label: "Why", value: (one) => one[4], wide: true }]),
        rows: plm.start.excluded, empty: "Nothing: all of the warehouse is on the board.",
      }),
      h("h2", {}, "Files that were not loaded"), plm.table({
        caption: "Rejected files",
        columns: [{ key: "file", label: "File", value: (one) => one[0] }, { key: "reason", label: "Why", value: (one) => one[1], wide: true }],
        rows: plm.start.rejected, empty: "None was rejected.",
      }));
  };

  plm.views.data = async (main) => {
    main.append(h("h1", {}, "The same numbers for other programs"), h("ul", {}, [
      ["leaderboard.csv", "every row, as text"], ["leaderboard.json", "every row with its columns described"], ["leaderboard.parquet", "every row with its types; the description is in the metadata"],
      ["leaderboard.md", "the ranking of each task and metric"], ["dictionary.json", "what the columns mean, and the version of the schema"], ["feed.xml", "what changed, as an Atom feed"],
    ].map(([name, text]) => h("li", {}, h("a", { href: name }, name), `: ${text}`))), plm.table({
      caption: "Columns",
      columns: [["name", "Column", 0], ["type", "Type", 1], ["meaning", "Meaning", 2]].map(([key, label, i]) => ({ key, label, value: (one) => one[i], wide: i === 2 })),
      rows: plm.start.columns,
    }));
  };
})();
