// A table that sorts by its headings and shows a page of its rows at a time, so that 100,000 rows
// cost as little as 100. A plain HTML table: screen readers and the keyboard know what it is.
"use strict";
(() => {
  const h = plm.h;
  const PAGE = 100;
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // columns: [{key, label, hint, value(row), cell(row), number, wide}]. `value` is what is sorted by,
  // `cell` what is shown (default: the value). `state`: {sort: "-error", page: "2"}; `keep` notes it.
  plm.table = ({ caption, columns, rows, state = {}, keep = () => {}, empty = "Nothing here." }) => {
    const head = h("tr");
    const body = h("tbody");
    const where = h("span", { role: "status" });
    const back = h("button", { type: "button", onclick: () => turn(-1) }, "Back");
    const on = h("button", { type: "button", onclick: () => turn(1) }, "More");
    const pager = h("div", { class: "pager" }, back, where, on);
    const frame = h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption },
      h("table", {}, h("caption", {}, caption), h("thead", {}, head), body));
    const element = h("div", { class: "table" }, frame, pager);
    let [sorted, sort, page] = [[], state.sort || "", Math.max(1, Number(state.page) || 1)];

    for (const column of columns) {
      column.button = h("button", { type: "button", title: column.hint, onclick: () => sortBy(column) }, column.label);
      column.heading = h("th", { scope: "col", class: column.number ? "number" : null }, column.button);
      head.append(column.heading);
    }

    function sortBy(column) {
      const first = column.number ? "-" : "";
      const other = column.number ? "" : "-";
      sort = sort === first + column.key ? other + column.key : first + column.key;
      page = 1;
      keep({ sort, page: null });
      arrange();
    }
    function turn(step) {
      page += step;
      keep({ page: page > 1 ? page : null });
      draw();
      frame.scrollTop = 0;
    }
    function arrange() {
      const down = sort.startsWith("-");
      const column = columns.find((one) => one.key === sort.replace("-", ""));
      for (const one of columns) {
        one.heading.setAttribute("aria-sort", one !== column ? "none" : down ? "descending" : "ascending");
      }
      sorted = rows;
      if (column) {
        const keyed = rows.map((row, i) => [column.value(row), i]);
        const sign = down ? -1 : 1;
        const compare = column.number ? (a, b) => a - b : (a, b) => collator.compare(a, b);
        const absent = (value) => value === null || value === undefined || value === "";
        keyed.sort(([a, i], [b, j]) => absent(a) || absent(b)
          ? absent(a) - absent(b) || i - j // what is absent is last, whichever way
          : sign * compare(a, b) || i - j);
        sorted = keyed.map(([, i]) => rows[i]);
      }
      draw();
    }
    function draw() {
      const pages = Math.max(1, Math.ceil(sorted.length / PAGE));
      page = Math.min(page, pages);
      const start = (page - 1) * PAGE;
      const shown = sorted.slice(start, start + PAGE);
      body.replaceChildren(...shown.map((row) => h("tr", {}, columns.map((column, i) => {
        const cell = column.cell ? column.cell(row) : column.value(row);
        return h(i === 0 ? "th" : "td", {
          scope: i === 0 ? "row" : null,
          class: column.number ? "number" : column.wide ? "text" : null,
        }, cell === null || cell === undefined || cell === "" ? plm.NOTHING : cell);
      }))));
      if (!sorted.length) body.append(h("tr", {}, h("td", { colspan: columns.length }, empty)));
      pager.hidden = pages === 1;
      back.disabled = page === 1;
      on.disabled = page === pages;
      where.textContent = `${plm.count(start + 1)} to ${plm.count(start + shown.length)} of ${plm.count(sorted.length)}`;
    }
    element.show = (others) => {
      rows = others;
      arrange();
    };
    arrange();
    return element;
  };
})();
