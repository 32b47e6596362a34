// The cases of a page: the list that is searched and narrowed, and the one that is shown.
function casesOf(page, language, redraw) {
  "use strict";

  const { cases, texts, features, models, conflicts } = page.cases;
  const SHOWN = 8;
  const LINE = { en: 30, zh: 17 };
  const list = document.getElementById("case-list");
  const search = document.getElementById("case-search");
  const filters = [...document.querySelectorAll("[data-filter]")];
  const part = (name) => document.querySelector(`[data-case-part="${name}"]`);
  let found = cases.map((_, place) => place);
  let chosen = 0;

  const words = (key, values = {}) => page.words[key][language()].replace(/{(\w+)}/g, (_, name) => values[name]);
  // Of one, what is kept for one.
  const counted = (key, number, values) => words(Number(number) === 1 && page.words[`${key}_one`] ? `${key}_one` : key, values);
  // A statement is its own text, or the place of one in both languages.
  const said = (text) => (typeof text === "number" ? texts[text][language()] : text);
  const value = (text) => (text === null ? words("casetext.missing") : said(text));

  function fixed(number, digits) {
    const text = Math.abs(number).toFixed(digits);
    return number < 0 && Number(text) ? `−${text}` : text;
  }

  function signed(number, digits = 2) {
    const text = fixed(number, digits);
    return number > 0 && Number(text) ? `+${text}` : text;
  }

  const limitEffect = (push) => `${signed(100 * Math.expm1(push), 1)}%`;

  function element(name, text = "", attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, given] of Object.entries(attributes)) made.setAttribute(key, given);
    return made;
  }

  // What the list is narrowed by, and shows.

  const VALUES = {
    cause: (one) => one.cause.map(said).join(words("caselist.both")),
    first: (one) => said(features[one.first]),
    month: (one) => one.on.slice(0, 7),
    by: (one) => said(one.by),
    limit: (one) => (one.before === null ? one.after : words("caselist.raise", one)),
  };
  // What a case is found by, with its name: several causes where these are as good as equal.
  const FOUND = {
    cause: (one) => one.cause.map((text) => [text, said(text)]),
    first: (one) => [[one.first, VALUES.first(one)]],
    month: (one) => [[VALUES.month(one), VALUES.month(one)]],
    by: (one) => [[one.by, VALUES.by(one)]],
  };
  const cell = (one, column) => (VALUES[column] ? VALUES[column](one) : (one[column] ?? words("casetext.missing")));

  function fillFilters() {
    for (const filter of filters) {
      const kept = filter.value;
      const name = filter.dataset.filter;
      const known = new Map();
      for (const one of cases) {
        for (const [key, called] of FOUND[name](one)) {
          const entry = known.get(String(key)) ?? { name: called, cases: 0 };
          entry.cases += 1;
          known.set(String(key), entry);
        }
      }
      const order = name === "month" ? (a, b) => a[0].localeCompare(b[0]) : (a, b) => b[1].cases - a[1].cases;
      const options = [...known].sort(order).map(([key, entry]) => element("option", words("caselist.option", entry), { value: key }));
      filter.replaceChildren(element("option", words("caselist.all"), { value: "" }), ...options);
      filter.value = kept;
    }
  }

  function narrow() {
    const wanted = search.value.trim();
    found = cases.flatMap((one, place) => {
      const fits = filters.every((filter) => !filter.value || FOUND[filter.dataset.filter](one).some(([key]) => String(key) === filter.value));
      return fits && one.id.includes(wanted) ? [place] : [];
    });
    const exact = found.find((place) => cases[place].id === wanted);
    if (exact !== undefined) chosen = exact;
    else if (found.length && !found.includes(chosen)) chosen = found[0];
  }

  function fillList() {
    const counts = { found: found.length, cases: cases.length };
    const asked = /^\d+$/.test(search.value.trim()) ? search.value.trim() : "REQUEST_ID";
    const none = () => words("caselist.none", { conflicts, request_id: asked });
    document.getElementById("cases-found").textContent = found.length ? words("caselist.found", counts) : none();
    const columns = [...document.querySelectorAll("[data-column]")].map((head) => [head.dataset.column, head.className]);
    const row = (place) => {
      const made = element("tr", "", { "data-case": place });
      for (const [column, kind] of columns) {
        const here = column === "id" ? element("th", "", { scope: "row", class: kind }) : element("td", "", { class: kind });
        if (column === "id") here.append(element("button", cases[place].id, { type: "button", "aria-controls": "case" }));
        else here.textContent = cell(cases[place], column);
        made.append(here);
      }
      return made;
    };
    list.replaceChildren(...found.map(row));
    markChosen();
  }

  function markChosen() {
    const reached = found.includes(chosen) ? chosen : found[0];
    for (const row of list.children) {
      const place = Number(row.dataset.case);
      row.classList.toggle("chosen", place === chosen);
      const button = row.querySelector("button");
      button.setAttribute("aria-pressed", String(place === chosen));
      // One stop for the Tab key in the whole list; within it the arrow keys move.
      button.tabIndex = place === reached ? 0 : -1;
    }
  }

  function move(event) {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = buttons[Math.max(0, Math.min(to, buttons.length - 1))];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  // What is shown of a case.

  function label(feature, text) {
    const together = words("waterfall.feature", { feature, value: text });
    const apart = `${words("waterfall.feature", { feature, value: "" }).trimEnd()}\n${text}`;
    if (language() === "zh") return together.length <= LINE.zh ? together : apart;
    const lines = together.split(" ").reduce((done, word) => {
      const longer = `${done.at(-1)} ${word}`;
      return done.length && longer.length <= LINE.en ? [...done.slice(0, -1), longer] : [...done, word];
    }, []);
    return lines.length <= 2 ? lines.join("\n") : apart;
  }

  // Positions are log-odds for the release model and money for the limit model, whose axis is logarithmic.
  function steps(model) {
    const one = cases[chosen];
    const limit = model === "limit";
    const position = (at) => (limit ? Math.exp(at) : at);
    const { base, base_text, others } = models[model];
    const output = one.output[limit ? 0 : 1];
    const main = one.rows
      .map(([feature, atReview, atRequest, onLimit, onRelease]) => ({
        label: label(said(features[feature]), value(limit ? atReview : atRequest)),
        push: limit ? onLimit : onRelease,
      }))
      .filter((step) => step.push !== null)
      .sort((a, b) => Math.abs(b.push) - Math.abs(a.push))
      .slice(0, SHOWN);
    const rest = main.reduce((left, step) => left - step.push, output - base);
    if (others) main.push({ label: counted("waterfall.rest", others, { features: others }), push: rest });
    const level = (which, at, text) => ({
      label: words(`waterfall.${model}.${which}`), start: position(at), end: position(at), text, effect: "", kind: which, side: 1,
    });
    let at = base;
    const pushes = main.map(({ label, push }) => {
      const start = position(at);
      at += push;
      return {
        label, start, end: position(at),
        text: limit ? limitEffect(push) : signed(push),
        effect: limit ? signed(push, 3) : `×${Math.exp(push).toFixed(2)}`,
        kind: limit === push < 0 ? "against" : "favour",
        side: push >= 0 ? 1 : -1,
      };
    });
    const rows = [level("base", base, base_text), ...pushes, level("output", output, one.ends[limit ? 0 : 1])];
    return rows.map((row, order) => ({ ...row, order, next: Math.min(order + 1, rows.length - 1) }));
  }

  function cutoff() {
    const { line } = cases[chosen];
    return line === null ? [] : [{ at: line, label: words("waterfall.cutoff"), text: signed(line) }];
  }

  function tableRows(one) {
    return one.rows.map(([feature, atReview, atRequest, onLimit, onRelease]) => {
      const row = element("tr");
      const cells = [value(atReview), value(atRequest), onLimit === null ? "–" : limitEffect(onLimit), onRelease === null ? "–" : signed(onRelease)];
      row.append(element("th", said(features[feature]), { scope: "row", class: "text" }), ...cells.map((text) => element("td", text)));
      return row;
    });
  }

  function rules(one) {
    return one.rules.map(([rule, allowed, here, refuses]) => {
      const row = element("tr", "", refuses ? { class: "breaks" } : {});
      const result = element("td", words(refuses ? "caserules.breaks" : "caserules.holds"), { class: "text" });
      row.append(element("th", said(rule), { scope: "row", class: "text" }), element("td", said(allowed)), element("td", said(here)), result);
      return row;
    });
  }

  function timeline(one) {
    const day = (text) => Date.parse(text) / 864e5;
    const days = one.timeline.flatMap(([, , , since, on]) => [day(since), day(on)]);
    const [first, last] = [Math.min(...days), Math.max(...days)];
    const at = (text) => (100 * (day(text) - first)) / Math.max(1, last - first);
    const lines = one.timeline.filter(([kind]) => kind === "review" || kind === "request").map(([kind, , , , on]) => [kind, at(on)]);
    return one.timeline.map(([kind, what, count, since, on, lag]) => {
      const entry = element("li", "", { class: kind });
      const values = { ...one, what: said(what), count, since, on, days: lag, refused_by: said(one.by) };
      const track = element("span", "", { class: "track", "aria-hidden": "true" });
      for (const [which, place] of lines) track.append(element("i", "", { class: `line ${which}`, style: `left:${place}%` }));
      if (what !== null) track.append(element("b", "", { style: `left:${at(since)}%;width:${at(on) - at(since)}%` }));
      entry.append(element("time", on, { datetime: on }), track, element("span", counted(`casetime.${kind}`, lag, values), { class: "said" }));
      return entry;
    });
  }

  function reasons(one) {
    return ["borrower", "lender"].flatMap((side) => {
      const here = one.reasons.filter(([whose]) => whose === side);
      if (!here.length) return side === "borrower" ? [element("p", words("casetext.no_reasons"), { class: "note" })] : [];
      const entries = element(side === "borrower" ? "ol" : "ul");
      for (const [, code, push, text] of here) {
        const entry = element("li", said(text));
        entry.append(" ", element("small", push === null ? code : words("casetext.push", { code, push })));
        entries.append(entry);
      }
      return [element("h4", words(`casetext.${side}`)), entries];
    });
  }

  function recourse(one) {
    const options = new Map();
    const trials = element("ul");
    for (const text of one.trials ?? []) trials.append(element("li", said(text)));
    const nearest = trials.children.length ? [element("h4", words("casetext.nearest")), trials] : [];
    for (const step of one.recourse) options.set(step[0], [...(options.get(step[0]) ?? []), step]);
    const ways = [...options].flatMap(([option, steps]) => {
      const entries = element(steps.length > 1 ? "ol" : "ul");
      for (const [, text, days] of steps) {
        entries.append(element("li", days ? `${said(text)} ${counted("casetext.wait", days, { days })}` : said(text)));
      }
      const [, , , pd, cut, smallest, helps] = steps.at(-1);
      if (!helps) return smallest ? [entries, element("p", words("casetext.tried"), { class: "note" })] : [entries];
      const after = words("casetext.after", { pd, cutoff: cut }) + (smallest ? ` ${words("casetext.smallest")}` : "");
      const head = options.size > 1 ? [element("h4", words("casetext.option", { option }))] : [];
      return [...head, entries, element("p", after, { class: "note" })];
    });
    return [...ways, ...nearest];
  }

  function show() {
    const one = cases[chosen];
    part("heading").textContent = words("casetext.heading", { request_id: one.id });
    part("verdict").textContent = said(one.verdict);
    part("causes").textContent = one.causes === undefined ? "" : said(one.causes);
    part("rows").replaceChildren(...tableRows(one));
    for (const [name, made] of Object.entries({ rules, timeline, reasons, recourse })) part(name)?.replaceChildren(...made(one));
    return redraw();
  }

  function choose(place) {
    chosen = place;
    markChosen();
    return show();
  }

  function refine() {
    const before = chosen;
    narrow();
    fillList();
    if (chosen !== before) show();
  }

  if (list) {
    for (const filter of filters) filter.addEventListener("change", refine);
    search.addEventListener("input", refine);
    search.form.addEventListener("submit", (event) => event.preventDefault());
    list.addEventListener("keydown", move);
    list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-case]");
      if (row) choose(Number(row.dataset.case));
    });
  }

  return {
    // The rows of a chart that is filled by case; undefined of other charts.
    rows: (chart) => ({ "waterfall-limit": { steps: steps("limit") }, "waterfall-release": { steps: steps("release"), cutoff: cutoff() } })[chart],
    speak() {
      if (list) {
        fillFilters();
        fillList();
      }
      return show();
    },
  };
}
