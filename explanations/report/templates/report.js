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

  // Charts are drawn when they come near the screen, the others once the page has been open for a while and nothing else
  // is to do, all that are left before the page is printed.
  const undrawn = new Set();
  const ABOVE_ITS_HEIGHT = 30; // px; axis and legend of most charts
  const QUIET = 2000; // ms
  const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 50));

  async function draw(place) {
    if (!undrawn.delete(place)) return;
    approached.unobserve(place);
    const name = place.dataset.chart;
    const options = {
      actions: false, renderer: "svg", config: page.config, tooltip: showTip,
      // The page's policy allows neither code made from text nor further styles.
      ast: true, defaultStyle: false,
    };
    const { view } = await window.vegaEmbed(place, { ...page.charts[name][language()], ...datasets(name) }, options);
    views.set(name, view);
    place.style.minHeight = "";
  }

  function heightOf(place) {
    const name = place.dataset.chart;
    return views.has(name) ? place.offsetHeight : (page.charts[name][language()].height ?? 0) + ABOVE_ITS_HEIGHT;
  }

  // Leaves a place empty and as high as its chart is or will be, so that nothing below it moves when it is drawn.
  function empty(place, height) {
    const name = place.dataset.chart;
    views.get(name)?.finalize();
    views.delete(name);
    place.replaceChildren();
    place.style.minHeight = `${height}px`;
    undrawn.add(place);
    approached.observe(place);
  }

  const isNear = (place) => {
    const { top, bottom } = place.getBoundingClientRect();
    return bottom > -innerHeight && top < 2 * innerHeight;
  };
  // One that fails is told on the console and leaves the others drawn.
  const drawAll = (places) => Promise.all(places.map((place) => draw(place).catch(reportError)));

  function observer(options) {
    return new IntersectionObserver(
      (entries) => drawAll(entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target)),
      { rootMargin: "100% 0px", ...options },
    );
  }
  let approached;
  try {
    approached = observer({ root: document }); // since frames know no margin without a root of their own
  } catch {
    approached = observer({}); // browsers that take no document for it
  }

  async function drawRest() {
    const [next] = undrawn;
    if (!next) return;
    await drawAll([next]);
    whenIdle(drawRest);
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
    const places = all("[data-chart]");
    const heights = places.map(heightOf); // all before anything moves
    places.forEach((place, at) => empty(place, heights[at]));
    await cases?.speak();
    await drawAll(places.filter(isNear));
    root.dataset.drawn = tongue;
    setTimeout(() => whenIdle(drawRest), QUIET);
  }

  function dress(scheme) {
    root.dataset.scheme = scheme;
    for (const button of all("[data-set-scheme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setScheme === scheme));
    }
  }

  async function goTo(id) {
    const place = document.getElementById(id);
    // What stands above it has its height before, and does not push it away.
    await drawAll([...undrawn].filter((chart) => chart.compareDocumentPosition(place) & Node.DOCUMENT_POSITION_FOLLOWING));
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

  addEventListener("beforeprint", () => drawAll([...undrawn]));

  dress("auto");
  speak((navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en");
})();
