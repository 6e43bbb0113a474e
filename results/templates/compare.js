"use strict";
// Curves laid over each other: pointing reads both, dragging zooms all of them, two clicks undo it.
const plots = [...document.querySelectorAll("svg.overlay")];
const LEFT = 66, INNER = 1020, SVG = "http://www.w3.org/2000/svg";
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400];
const make = (parent, name, set) => {
  const made = document.createElementNS(SVG, name);
  for (const key in set) made.setAttribute(key, set[key]);
  return parent.appendChild(made);
};
const clock = (seconds, step) => {
  const text = new Date(Math.round(seconds * 1000)).toISOString();
  if (step >= 86400) return text.slice(5, 10);
  return step >= 60 ? text.slice(11, 16) : step >= 1 ? text.slice(11, 19) : text.slice(11, 21);
};
for (const plot of plots) {
  const {begin, start, end, unit} = plot.dataset, from = +start, span = +end - start, bottom = +plot.dataset.bottom;
  const view = {left: 0, width: INNER};
  const cross = make(plot, "path", {class: "cross"}), chosen = make(plot, "rect", {class: "chosen", y: 8, height: bottom - 8, width: 0});
  const read = make(plot, "text", {class: "read", y: 20});
  const lines = [...plot.querySelectorAll("path.line")].map(path => ({
    name: path.classList.contains("a") ? "A" : path.classList.contains("b") ? "B" : path.classList.contains("bound") ? "" : "B − A",
    low: +path.dataset.low, high: +path.dataset.high, height: +path.parentElement.getAttribute("height"),
    points: path.getAttribute("d").split(/[ML]/).slice(1).map(point => point.split(" ").map(Number)),
  })).filter(line => line.name && line.points.length);
  const at = event => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    return Math.min(INNER, Math.max(0, point.x - LEFT));
  };
  const curve = x => view.left + x / INNER * view.width;
  const near = (points, x) => {
    let low = 0, high = points.length - 1;
    while (low < high) { const half = (low + high) >> 1; if (points[half][0] < x) low = half + 1; else high = half; }
    return low > 0 && x - points[low - 1][0] < points[low][0] - x ? points[low - 1] : points[low];
  };
  const show = event => {
    const x = at(event), seconds = from + curve(x) / INNER * span, told = {};
    for (const line of lines) {
      const value = line.high - near(line.points, curve(x))[1] / line.height * (line.high - line.low);
      // As many digits as a path's points are told in.
      const digits = Math.max(0, 3 - Math.ceil(Math.log10(line.high - line.low)));
      const text = value.toFixed(digits).replace(/^-(?=[0.]*$)/, "");
      if (!(told[line.name] ??= []).includes(text)) told[line.name].push(text);
    }
    const values = Object.entries(told).map(([name, all]) => `${name} ${all.reverse().join(" to ")}`).join(" · ");
    cross.setAttribute("d", `M${LEFT + x} 8V${bottom}`);
    read.textContent = `${clock(+begin + seconds, 0.1)} · ${values} ${unit}`;
    read.setAttribute("x", x > INNER / 2 ? LEFT + x - 8 : LEFT + x + 8);
    read.setAttribute("text-anchor", x > INNER / 2 ? "end" : "start");
  };
  const zoom = (left, width) => {
    Object.assign(view, {left, width});
    for (const pane of plot.querySelectorAll("svg.curves")) pane.setAttribute("viewBox", `${left} 0 ${width} ${pane.getAttribute("height")}`);
    const times = plot.querySelector(".times"), y = bottom + 17;
    times.replaceChildren();
    const first = from + left / INNER * span, seconds = width / INNER * span;
    const step = STEPS.find(one => one >= seconds / 8) ?? 86400 * Math.round(seconds / 8 / 86400);
    for (let t = Math.ceil((+begin + first) / step - 1e-9) * step - begin; t <= first + seconds + 1e-9; t += step)
      make(times, "text", {x: LEFT + INNER * (t - first) / seconds, y}).textContent = clock(+begin + t, step);
  };
  let down = null;
  plot.addEventListener("pointerdown", event => { if (event.pointerType === "mouse") down = at(event); });
  plot.addEventListener("pointermove", event => {
    show(event);
    if (down === null) return;
    const x = at(event);
    chosen.setAttribute("x", LEFT + Math.min(down, x));
    chosen.setAttribute("width", Math.abs(x - down));
  });
  plot.addEventListener("pointerleave", () => { read.textContent = ""; cross.removeAttribute("d"); });
  window.addEventListener("pointerup", event => {
    if (down === null) return;
    const [left, right] = [curve(Math.min(down, at(event))), curve(Math.max(down, at(event)))];
    down = null;
    chosen.setAttribute("width", 0);
    if (right - left < view.width / 150) return;
    for (const other of plots) if (other.dataset.start === start && other.dataset.end === end) other.dispatchEvent(new CustomEvent("zoom", {detail: [left, right - left]}));
  });
  plot.addEventListener("zoom", event => zoom(...event.detail));
  plot.addEventListener("dblclick", () => {
    for (const other of plots) if (other.dataset.start === start && other.dataset.end === end) other.dispatchEvent(new CustomEvent("zoom", {detail: [0, INNER]}));
  });
}
