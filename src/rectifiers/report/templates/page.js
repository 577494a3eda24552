// Draws every chart the page carries as JSON, follows the page's colours, and lets the legend point at an arm.
(() => {
  "use strict";
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
  });

  const NARROW = 480;
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

  // A slider holds the place of its values among those that were computed beforehand.
  const sliders = [...document.querySelectorAll("input[data-signal]")];
  const slide = (slider) => {
    const values = JSON.parse(slider.dataset.values);
    slider.parentElement.querySelector("output").textContent = values[slider.valueAsNumber];
    slider.setAttribute("aria-valuetext", values[slider.valueAsNumber]);
    views.forEach((view) => view.signal(slider.dataset.signal, slider.valueAsNumber).runAsync());
  };
  sliders.forEach((slider) => slider.addEventListener("input", () => slide(slider)));

  const all = async () => {
    for (const { target, spec } of charts) await draw(target, spec);
    sliders.forEach(slide);
    root.dataset.drawn = charts.length;
  };
  all();

  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      for (const { target, spec } of charts) {
        if (String(target.clientWidth < NARROW) !== target.dataset.narrow) await draw(target, spec);
      }
      sliders.forEach(slide);
    }, 150);
  });
})();
