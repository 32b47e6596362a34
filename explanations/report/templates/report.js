// The page works inside a sandboxed frame: nothing is stored, fetched, or asked of a parent page.
(() => {
  "use strict";

  const page = JSON.parse(document.getElementById("page-data").textContent);
  const root = document.documentElement;
  const tip = document.querySelector(".tip");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const views = new Map();

  const all = (selector) => [...document.querySelectorAll(selector)];
  const language = () => root.dataset.language;

  function showTip(_handler, event, _item, value) {
    tip.hidden = !value || typeof value !== "object";
    if (tip.hidden) return;
    const [first, ...others] = Object.entries(value).filter(([, text]) => text !== "");
    tip.replaceChildren(element("strong", first[1]));
    const list = document.createElement("dl");
    for (const [name, text] of others) {
      // A sentence stands by itself.
      if (/[.。]$/.test(text)) tip.append(element("p", text));
      else list.append(element("dt", name), element("dd", text));
    }
    tip.append(list);
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 16 + box.width > innerWidth ? event.clientX - 16 - box.width : event.clientX + 16;
    const top = Math.min(event.clientY + 14, innerHeight - box.height - 8);
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${Math.max(8, top)}px`;
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function datasets(chart) {
    const rows = cases?.rows(chart);
    return rows ? { datasets: rows } : {};
  }

  async function draw(place) {
    const name = place.dataset.chart;
    views.get(name)?.finalize();
    const options = { actions: false, renderer: "svg", config: page.config, tooltip: showTip };
    const { view } = await window.vegaEmbed(place, { ...page.charts[name][language()], ...datasets(name) }, options);
    views.set(name, view);
  }

  const cases = page.cases && casesOf(page, language, fillCase);

  async function fillCase() {
    for (const [name, view] of views) {
      const rows = cases.rows(name);
      if (!rows) continue;
      for (const [data, values] of Object.entries(rows)) view.data(data, values);
      await view.resize().runAsync();
    }
  }

  async function speak(tongue) {
    root.dataset.language = tongue;
    root.lang = tongue === "zh" ? "zh-CN" : "en";
    document.title = page.title[tongue];
    for (const button of all("[data-set-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setLanguage === tongue));
    }
    tip.hidden = true;
    await Promise.all(all("[data-chart]").map(draw));
    await cases?.speak();
    root.dataset.drawn = tongue;
  }

  function goTo(id) {
    const section = document.getElementById(id);
    section.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
    section.querySelector("h1, h2").focus({ preventScroll: true });
  }

  for (const button of all("[data-goto]")) button.addEventListener("click", () => goTo(button.dataset.goto));
  for (const button of all("[data-set-language]")) {
    button.addEventListener("click", () => speak(button.dataset.setLanguage));
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });

  speak((navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en");
})();
