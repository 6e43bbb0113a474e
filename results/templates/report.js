"use strict";
// Tables: a click on a heading sorts, the field and the buttons filter.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const value = (row, i) => {
    const text = row.cells[i].textContent.trim();
    return text !== "" && !isNaN(text) ? Number(text) : text;
  };
  [...table.tHead.rows[0].cells].forEach((head, i) => head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const order = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * order(value(a, i), value(b, i)));
    body.append(...rows);
  }));
}
for (const field of document.querySelectorAll("[data-filters]")) {
  const rows = [...document.getElementById(field.dataset.filters).tBodies[0].rows];
  const buttons = [...field.parentElement.querySelectorAll("button[data-fate]")];
  const show = () => {
    const fates = buttons.filter(b => b.ariaPressed === "true").map(b => b.dataset.fate);
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every(w => text.includes(w)) && (!fates.length || fates.includes(row.dataset.fate)));
    }
  };
  field.addEventListener("input", show);
  for (const button of buttons) button.addEventListener("click", () => {
    button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
    show();
  });
}
// Supply and demand: the plot shows the period that is chosen.
const choice = document.getElementById("market-period");
if (choice && window.Bokeh) {
  const periods = JSON.parse(document.getElementById("market-curves").textContent);
  const told = document.getElementById("market-told");
  const model = name => Bokeh.documents.map(doc => doc.get_model_by_name(`market-${name}`)).find(m => m);
  const numbers = column => Float64Array.from(column, v => v ?? NaN);
  choice.addEventListener("change", () => {
    const {view, ...lines} = periods[choice.value];
    for (const [name, {x, y}] of Object.entries(lines)) {
      const source = model(name);
      if (source) source.data = {x: numbers(x), y: numbers(y)};
    }
    model("x").setv({start: 0, end: view.right});
    model("y").setv({start: view.bottom, end: view.top});
    told.textContent = choice.selectedOptions[0].dataset.told;
  });
}
// Plots are drawn on canvas and know no style sheet: give them the page's ink, and let a finger
// scroll the page rather than zoom.
if (window.Bokeh) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ink = () => {
    const style = getComputedStyle(document.documentElement);
    const text = style.getPropertyValue("--ink").trim(), soft = style.getPropertyValue("--soft").trim();
    for (const doc of Bokeh.documents) for (const model of doc._all_models.values()) {
      if (/Axis$/.test(model.type)) model.setv({major_label_text_color: soft, axis_label_text_color: soft});
      if (model.type === "Legend") model.setv({label_text_color: text, inactive_fill_color: null});
    }
  };
  const narrow = () => {
    for (const doc of Bokeh.documents) for (const model of doc._all_models.values()) {
      if (model.type === "Legend") model.setv({ncols: 2, nrows: "auto"});
      if (model.type === "Figure") model.setv({min_border_left: 58});
    }
  };
  const ready = () => {
    const drawn = Bokeh.documents.length && document.querySelector("figure [data-root-id]")?.childElementCount !== 0;
    if (!drawn) return setTimeout(ready, 50);
    ink();
    if (window.innerWidth < 600) narrow();
    dark.addEventListener("change", ink);
    if (window.matchMedia("(pointer: coarse)").matches)
      for (const doc of Bokeh.documents) for (const model of doc._all_models.values())
        if (model.type === "Toolbar") model.setv({active_drag: null});
  };
  ready();
}
