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
    const options = {
      actions: false, renderer: "svg", config: page.config, tooltip: showTip,
      // The page's policy allows neither code made from text nor further styles.
      ast: true, defaultStyle: false,
    };
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

  function dress(scheme) {
    root.dataset.scheme = scheme;
    for (const button of all("[data-set-scheme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setScheme === scheme));
    }
  }

  function goTo(id) {
    const place = document.getElementById(id);
    place.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
    (place.matches("section") ? place.querySelector("h1, h2") : place).focus({ preventScroll: true });
  }

  // Which section is being read.
  const contents = document.querySelector(".contents");
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const link = document.getElementById(`to-${target.id}`);
        if (!isIntersecting) link.removeAttribute("aria-current");
        else {
          link.setAttribute("aria-current", "true");
          const middle = { x: link.offsetLeft + link.offsetWidth / 2, y: link.offsetTop + link.offsetHeight / 2 };
          contents.scrollTo(middle.x - contents.clientWidth / 2, middle.y - contents.clientHeight / 2);
        }
      }
    },
    { rootMargin: "-25% 0px -74% 0px" },
  );
  if (contents) all("main > section").forEach((section) => seen.observe(section));

  for (const link of all("[data-goto]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(link.dataset.goto);
    });
  }
  for (const button of all("[data-set-language]")) {
    button.addEventListener("click", () => speak(button.dataset.setLanguage));
  }
  for (const button of all("[data-set-scheme]")) {
    button.addEventListener("click", () => dress(button.dataset.setScheme));
  }
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });

  dress("auto");
  speak((navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en");
})();
