// Shows the view that the address names, and the frame around it.
"use strict";
(() => {
  const h = plm.h;
  const PAGES = { board: "Board", decide: "Decide", trust: "Trust", costs: "Costs", next: "Next", languages: "Languages", models: "Models", method: "Method", excluded: "Excluded", data: "Data" };
  const PARENTS = { language: "languages", model: "models", number: "board" };
  const main = document.getElementById("main");
  let turn = 0;

  async function show() {
    const mine = ++turn;
    const { view, parameters } = plm.address();
    document.getElementById("nav").replaceChildren(h("ul", {}, Object.entries(PAGES).map(([name, label]) => h("li", {}, h("a", {
      href: plm.href(name, ["board", "decide", "trust", "costs"].includes(name) ? { task: parameters.task, metric: parameters.metric } : {}),
      "aria-current": name === (PARENTS[view] || view) ? "page" : null,
    }, label)))));
    // A view draws into an element of its own: a slow one that was left cannot draw over the next.
    const place = h("div", { "data-view": view });
    main.replaceChildren(place);
    try {
      await (plm.views[view] || missing)(place, parameters);
    } catch (error) {
      place.append(h("p", { class: "alarm", role: "alert" }, error.message));
      console.error(error);
    }
    if (mine !== turn) return;
    place.dataset.ready = "yes"; // nothing is on its way any more
    const heading = place.querySelector("h1");
    document.title = `${heading ? heading.textContent : view} · ${plm.start.title}`;
  }
  const missing = async (place) => place.append(h("h1", {}, "No such page"), plm.note("The address names a page that the board does not have."));

  // Light, dark, or as the system has it.
  const button = document.getElementById("theme");
  const remembered = () => {
    try {
      return localStorage.getItem("plm-theme");
    } catch {
      return null; // some browsers give files no storage
    }
  };
  const isDark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  function theme(name) {
    if (name) document.documentElement.dataset.theme = name;
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Show the page in ${isDark() ? "light" : "dark"} colours`);
    plm.redraw();
  }
  button.addEventListener("click", () => {
    const name = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("plm-theme", name);
    } catch {
      // it holds for this page alone then
    }
    theme(name);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(null));
  theme(remembered());

  if (!plm.start) {
    main.append(h("p", { class: "alarm", role: "alert" }, "data/start.js is missing: the board needs the folder data beside the page."));
    return;
  }
  plm.prepare();
  document.getElementById("title").textContent = plm.start.title;
  document.getElementById("footer").append(h("p", {}, `${plm.start.snapshot}, published ${plm.minute(plm.start.made)}, proxylm-ops ${plm.start.version}. `,
    h("a", { href: "feed.xml" }, "Feed of changes")));
  addEventListener("hashchange", () => {
    show();
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  show();
})();
