// Draws every chart the page carries as JSON, follows the page's colours, and lets the legend point at an arm.
(() => {
  "use strict";
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
  });

  const NARROW = 400;
  const PRINTED = 400;
  const views = new Map();
  let focus = "";

  // Labels beside a chart need room a phone has not; the legend names the arms there.
  const fitted = (spec, narrow) => {
    if (!narrow || !spec.layer) return spec;
    const layer = spec.layer.filter((one) => !(one.name || "").startsWith("wide-"));
    return { ...spec, layer, padding: { left: 2, right: 10, top: 6, bottom: 4 } };
  };

  const draw = async (target, spec) => {
    const narrow = target.clientWidth < NARROW;
    target.dataset.narrow = narrow;
    const options = { renderer: "svg", actions: false, ast: true, tooltip: { theme: "custom" } };
    const result = await window.vegaEmbed(target, fitted(spec, narrow), options);
    views.get(target.id)?.finalize();
    views.set(target.id, result.view);
    // The figure's caption names the chart; its marks are in the tables.
    target.querySelector("svg")?.setAttribute("focusable", "false");
    await point(result.view);
  };

  const point = (view) => view.signal("focus", focus).runAsync();

  const charts = [...document.querySelectorAll("script[data-chart]")].map((script) => ({
    name: script.dataset.chart,
    target: document.getElementById(`chart-${script.dataset.chart}`),
    spec: JSON.parse(script.textContent),
  }));

  const chips = [...document.querySelectorAll(".chip[data-arm]")];
  const pointAt = (arm) => {
    focus = arm;
    views.forEach(point);
  };
  const pressed = () => chips.find((chip) => chip.getAttribute("aria-pressed") === "true")?.dataset.arm ?? "";
  for (const chip of chips) {
    chip.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && pointAt(chip.dataset.arm));
    chip.addEventListener("pointerleave", () => pointAt(pressed()));
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      chips.forEach((other) => other.setAttribute("aria-pressed", String(on && other === chip)));
      pointAt(pressed());
    });
  }

  // Words are explained while the mouse is over them or the keyboard is on them; a click or a tap keeps it open.
  const tip = document.createElement("div");
  Object.assign(tip, { className: "tip", hidden: true });
  tip.setAttribute("aria-hidden", "true"); // the button is described by the same text, in the list of words
  document.body.append(tip);
  let explained = null;
  let kept = false;
  const explain = (term, keep = false) => {
    explained?.setAttribute("aria-expanded", "false");
    [explained, kept] = [term, keep];
    tip.hidden = !term;
    if (!term) return;
    term.setAttribute("aria-expanded", "true");
    tip.textContent = document.getElementById(term.getAttribute("aria-describedby")).textContent;
    const [box, edge] = [term.getBoundingClientRect(), 12];
    tip.style.left = tip.style.top = "0";
    const right = root.clientWidth - tip.offsetWidth - edge;
    const above = box.bottom + tip.offsetHeight + edge > root.clientHeight && box.top > tip.offsetHeight + edge;
    tip.style.left = `${window.scrollX + Math.max(edge, Math.min(box.left, right))}px`;
    tip.style.top = `${window.scrollY + (above ? box.top - tip.offsetHeight - 6 : box.bottom + 6)}px`;
  };
  const termOf = (event) => (event.target instanceof Element ? event.target.closest(".term") : null);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "mouse" && !kept && !tip.contains(event.target)) explain(termOf(event));
  });
  document.addEventListener("focusin", (event) => !kept && explain(termOf(event)));
  document.addEventListener("focusout", () => explain(null));
  document.addEventListener("click", (event) => {
    const term = termOf(event);
    explain(kept && term === explained ? null : term, Boolean(term));
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && explain(null));

  // Sliders walk through tables that were computed beforehand: each holds the place of its value.
  const tables = JSON.parse(document.getElementById("tables")?.textContent ?? "[]");
  const cards = tables.map((table) => {
    const card = [...document.querySelectorAll(".knobs")].find((one) => one.dataset.arm === table.arm);
    return { table, sliders: [...card.querySelectorAll("input")] };
  });
  const place = (sliders) => sliders.reduce((sum, one) => sum * (Number(one.max) + 1) + one.valueAsNumber, 0);
  const rows = (name) =>
    cards.flatMap(({ table, sliders }) =>
      table.lines[place(sliders)][name].flatMap((line, part) =>
        line.map((y, order) => ({ arm: table.arm, part, order, x: table.x[order], y })),
      ),
    );
  const kinks = (name) =>
    cards.flatMap(({ table, sliders }) =>
      table.kinks[place(sliders)][name].map(([x, y]) => ({ arm: table.arm, x, y })),
    );
  const slide = async () => {
    for (const slider of cards.flatMap((card) => card.sliders)) {
      const text = String(JSON.parse(slider.dataset.values)[slider.valueAsNumber]);
      slider.parentElement.querySelector("output").textContent = text;
      slider.setAttribute("aria-valuetext", text);
    }
    for (const { target, name } of charts)
      await views.get(target.id).data(name, rows(name)).data(`${name}-kinks`, kinks(name)).runAsync();
  };
  for (const { sliders } of cards) sliders.forEach((slider) => slider.addEventListener("input", slide));

  const all = async (changed) => {
    for (const { target, spec } of charts) {
      if (!changed || String(target.clientWidth < NARROW) !== target.dataset.narrow) await draw(target, spec);
    }
    if (cards.length) await slide();
    root.dataset.drawn = charts.length;
  };
  all(false);

  // On paper two charts stand beside each other, whatever the window was: drawn for that width, not shrunk to it.
  window.addEventListener("beforeprint", () => views.forEach((view) => view.width(PRINTED).run()));
  window.addEventListener("afterprint", () => all(false));

  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => all(true), 150);
  });
})();
