// A line at the budget, or at what the module calls late.
function limitLine(svg, x1, y1, x2, y2, label, textX, textY, anchor) {
  svg.append(make("line", { class: "limit", x1, y1, x2, y2 }),
    make("text", { class: "limit-text", x: textX, y: textY, "text-anchor": anchor || "start" }, label));
}

function histogram(window) {
  const limit = data.limits_ns[window.partition];
  const figure = window.figure;
  const holder = make("div", { class: "multiple" });
  const most = Math.max(...data.windows.flatMap((other) => other.bins.map((bin) => bin.count)), 10);
  const words = `${windowName(window)}: ${many(figure.count, "window")}, median ${micro(figure.p50)} µs, 99 % within ${micro(figure.p99)} µs, ` +
    `observed maximum ${micro(figure.max)} µs`;
  const chart = make("div", { class: "chart" });
  holder.append(make("h3", {}, windowName(window)), chart,
    make("div", { class: "muted" }, `p50 ${micro(figure.p50)} · p99 ${micro(figure.p99)} · max ${micro(figure.max)} µs`));
  drawn(chart, (width) => {
    const height = 150, left = 38, bottom = height - 20, right = width - 8, top = 12;
    const x = logScale(extent.low, extent.high, left, right);
    const y = logScale(0.7, most * 1.2, bottom, top);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": words });
    for (const tick of decades(1, most * 1.2)) {
      svg.append(make("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
        make("text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, tick >= 1e6 ? `${tick / 1e6}M` : tick >= 1000 ? `${tick / 1000}k` : tick));
    }
    for (const tick of decades(extent.low, extent.high)) {
      svg.append(make("text", { x: x(tick), y: height - 5, "text-anchor": "middle" }, span(tick)));
    }
    for (const bin of window.bins) {
      if (bin.count === 0) continue;
      const x1 = x(Math.max(bin.from, extent.low)), x2 = x(bin.to);
      const over = bin.from >= limit;
      const text = `${span(bin.from)} to ${span(bin.to)}\n${many(bin.count, "window")}`;
      svg.append(make("rect", { x: x1 + 0.5, width: Math.max(1, x2 - x1 - 1), y: y(bin.count), height: bottom - y(bin.count),
        fill: over ? "var(--bad)" : series(0), onpointermove: (event) => showTip(text, event.clientX, event.clientY), onpointerleave: hideTip }));
    }
    svg.append(make("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }));
    if (limit >= extent.low && limit <= extent.high) {
      const end = x(limit) > width * 0.6;
      limitLine(svg, x(limit), top - 6, x(limit), bottom, limitName(window.partition), x(limit) + (end ? -4 : 4), top + 2, end ? "end" : "start");
    }
    chart.replaceChildren(svg);
  });
  return holder;
}
function limitName(partition) {
  const about = data.verdicts.some((verdict) => /(^|:)start(\.max)?=/.test(verdict.budget) && verdict.partition === partitionName(partition) && verdict.limit_ns === data.limits_ns[partition]);
  return `${about ? "budget" : "late"} ${span(data.limits_ns[partition])}`;
}
// The limits that a chart of several windows shows: each once.
function limitLines(chosen) {
  const lines = new Map();
  for (const index of chosen) lines.set(data.limits_ns[data.windows[index].partition], data.windows[index].partition);
  return [...lines].filter(([limit]) => limit >= extent.low && limit <= extent.high);
}

function frame(width, height, label) {
  return make("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label, tabindex: 0 });
}
function latenessAxis(svg, y, left, right) {
  for (const tick of decades(extent.low, extent.high, extent.high / extent.low < 300)) {
    svg.append(make("line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
      make("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, span(tick)));
  }
}
// A cursor for pointer and keys: `steps` places, `place(index)` its x, `words(index)` what it says.
function cursor(svg, steps, place, words, top, bottom) {
  const line = make("line", { class: "cursor", y1: top, y2: bottom, x1: -9, x2: -9 });
  svg.append(line);
  let now = 0;
  const show = (index, clientX, clientY) => {
    now = Math.max(0, Math.min(steps - 1, index));
    line.setAttribute("x1", place(now)); line.setAttribute("x2", place(now));
    const box = svg.getBoundingClientRect();
    showTip(words(now), clientX ?? box.left + place(now) * box.width / svg.viewBox.baseVal.width, clientY ?? box.top + 30);
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    let [low, high] = [0, steps - 1];
    while (low < high) { const middle = (low + high) >> 1; if (place(middle) < x) low = middle + 1; else high = middle; }
    if (low > 0 && x - place(low - 1) < place(low) - x) low--;
    show(low, event.clientX, event.clientY);
  });
  const hide = () => { line.setAttribute("x1", -9); line.setAttribute("x2", -9); hideTip(); };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e9, End: 1e9 }[event.key];
    if (step) { event.preventDefault(); show(now + step); }
  });
}

function percentiles(holder, chosen) {
  drawn(holder, (width) => {
    const height = 300, left = 62, right = width - 12, top = 12, bottom = height - 24;
    const deepest = Math.max(...data.windows.map((window) => window.figure.count), 10);
    // Equal steps for 0, 90, 99, 99.9 %, ...: the distance from 100 %, on a logarithmic scale.
    const x = (part) => left + Math.min(-Math.log10(Math.max(1 - part, 1e-12)), Math.log10(deepest)) / Math.log10(deepest) * (right - left);
    const y = logScale(extent.low, extent.high, bottom, top);
    const svg = frame(width, height, "Percentile curves of start lateness by window");
    latenessAxis(svg, y, left, right);
    for (let nines = 0; nines <= Math.log10(deepest); nines++) {
      const part = 1 - 10 ** -nines;
      svg.append(make("line", { class: "grid", x1: x(part), x2: x(part), y1: top, y2: bottom }),
        make("text", { x: x(part), y: height - 6, "text-anchor": nines ? "middle" : "start" }, nines === 0 ? "0 %" : `${+(part * 100).toFixed(Math.max(0, nines - 2))} %`));
    }
    for (const [limit, partition] of limitLines(chosen())) limitLine(svg, left, y(limit), right, y(limit), limitName(partition), left + 4, y(limit) - 4);
    for (const index of chosen()) {
      const points = data.windows[index].curve.map(([part, value]) => `${x(part).toFixed(1)},${y(value).toFixed(1)}`);
      svg.append(make("polyline", { class: "line", points: points.join(" "), stroke: coloured(index) }));
    }
    const steps = 120;
    const part = (step) => 1 - 10 ** (-step / steps * Math.log10(deepest));
    cursor(svg, steps + 1, (step) => x(part(step)), (step) => {
      const lines = chosen().slice(0, 12).map((index) => {
        const window = data.windows[index];
        const point = window.curve.find(([at]) => at >= part(step) - 1e-12) || window.curve[window.curve.length - 1];
        return `${windowName(window)}: ${point ? micro(point[1]) : "–"} µs`;
      });
      return `${+(part(step) * 100).toPrecision(7)} %\n${lines.join("\n")}`;
    }, top, bottom);
    holder.replaceChildren(svg);
  });
}

const columnFrames = (column) => {
  const first = data.axis.first_frame + column * data.axis.frames_per_column;
  return data.axis.frames_per_column === 1 ? `frame ${count(first)}` : `frames ${count(first)} to ${count(first + data.axis.frames_per_column - 1)}`;
};
const columnTime = (column) => span((data.axis.first_frame + column * data.axis.frames_per_column) * summary.major_frame_ns);

// Round instants of the run, at most so many, with their places among the columns.
function timeTicks(columns, most) {
  const columnNs = data.axis.frames_per_column * summary.major_frame_ns, first = data.axis.first_frame * summary.major_frame_ns;
  const rough = columns * columnNs / Math.max(1, most), decade = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const round = rough < 60e9 ? [1, 2, 5, 10].map((by) => by * decade).filter((by) => by <= 60e9).concat(60e9) : [1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1440].map((by) => by * 60e9);
  const step = round.find((by) => by >= rough) || rough, ticks = [];
  for (let at = Math.ceil(first / step) * step; at < first + columns * columnNs; at += step) ticks.push({ place: (at - first) / columnNs, label: span(at) });
  return ticks;
}
function timeAxis(svg, columns, place, y) {
  const edge = svg.viewBox.baseVal.width;
  for (const tick of timeTicks(columns, (edge - place(0)) / 90)) {
    const x = place(tick.place - 0.5);
    svg.append(make("text", { x: Math.min(x, edge), y, "text-anchor": x > edge - 26 ? "end" : tick.place < 1 ? "start" : "middle" }, tick.label));
  }
}

function overTime(holder, chosen) {
  drawn(holder, (width) => {
    const height = 280, left = 62, right = width - 12, top = 12, bottom = height - 24, columns = data.axis.columns;
    const x = (column) => left + (column + 0.5) / Math.max(columns, 1) * (right - left);
    const y = logScale(extent.low, extent.high, bottom, top);
    const svg = frame(width, height, "Largest and mean start lateness along the run");
    latenessAxis(svg, y, left, right);
    timeAxis(svg, columns, x, height - 6);
    for (const [limit, partition] of limitLines(chosen())) limitLine(svg, left, y(limit), right, y(limit), limitName(partition), left + 4, y(limit) - 4);
    const path = (values) => {
      let text = "", pen = "M";
      values.forEach((value, column) => {
        if (value === null) { pen = "M"; return; }
        text += `${pen}${x(column).toFixed(1)},${y(value).toFixed(1)}`;
        // A lone point would not show.
        if (pen === "M") text += "h0.5";
        pen = "L";
      });
      return text;
    };
    for (const index of chosen()) {
      const window = data.windows[index];
      svg.append(make("path", { class: "mean", d: path(window.mean_ns), stroke: coloured(index) }),
        make("path", { class: "line", "stroke-width": 1.5, d: path(window.max_ns), stroke: coloured(index) }));
    }
    if (columns > 0) cursor(svg, columns, x, (column) => {
      const lines = chosen().slice(0, 12).map((index) => {
        const value = data.windows[index].max_ns[column];
        return `${windowName(data.windows[index])}: ${value === null || value === undefined ? "did not run" : `max ${micro(value)} µs, mean ${micro(data.windows[index].mean_ns[column])} µs`}`;
      });
      return `${columnTime(column)}, ${columnFrames(column)}\n${lines.join("\n")}`;
    }, top, bottom);
    holder.replaceChildren(svg);
  });
}

function heatmap(holder) {
  drawn(holder, (width) => {
    const rows = data.windows.length, columns = data.axis.columns;
    const left = Math.min(150, width * 0.3), cell = Math.max(6, Math.min(26, 420 / Math.max(rows, 1))), high = rows * cell;
    const style = getComputedStyle(document.documentElement);
    const stops = [0, 1, 2, 3, 4].map((index) => style.getPropertyValue(`--ramp${index}`).trim())
      .map((hex) => [1, 3, 5].map((from) => parseInt(hex.slice(from, from + 2), 16)));
    const bad = style.getPropertyValue("--bad").trim();
    const scale = logScale(extent.low, extent.high, 0, 4);
    const colour = (value) => {
      const place = Math.max(0, Math.min(3.999, scale(value))), [low, part] = [Math.floor(place), place % 1];
      return `rgb(${stops[low].map((from, index) => Math.round(from + (stops[low + 1][index] - from) * part)).join(" ")})`;
    };
    const ratio = devicePixelRatio || 1;
    const canvas = make("canvas", { width: Math.floor(width * ratio), height: Math.floor((high + 22) * ratio), tabindex: 0, role: "img",
      "aria-label": "Largest lateness by window and time; use the arrow keys to read values" });
    canvas.style.height = `${high + 22}px`;
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    paint.font = "12px system-ui, sans-serif";
    const wide = (width - left) / Math.max(columns, 1);
    const draw = (cursorColumn, cursorRow) => {
      paint.clearRect(0, 0, width, high + 22);
      data.windows.forEach((window, row) => {
        paint.fillStyle = style.getPropertyValue("--muted");
        if (cell >= 11) paint.fillText(windowName(window), 0, row * cell + cell / 2 + 4, left - 8);
        window.max_ns.forEach((value, column) => {
          if (value === null) return;
          paint.fillStyle = value > data.limits_ns[window.partition] ? bad : colour(value);
          paint.fillRect(left + column * wide, row * cell, Math.max(wide, 1) + 0.3, cell - 1);
        });
      });
      paint.fillStyle = style.getPropertyValue("--muted");
      for (const tick of timeTicks(columns, (width - left) / 90)) {
        const x = left + tick.place * wide, half = paint.measureText(tick.label).width / 2;
        paint.fillText(tick.label, Math.max(left, Math.min(x - half, width - 2 * half)), high + 16);
      }
      if (cursorColumn !== undefined) {
        paint.strokeStyle = style.getPropertyValue("--ink"); paint.lineWidth = 2;
        paint.strokeRect(left + cursorColumn * wide - 1, cursorRow * cell - 1, Math.max(wide, 3) + 2, cell + 1);
      }
    };
    let [column, row] = [0, 0];
    const say = (x, y) => {
      const window = data.windows[row], value = window.max_ns[column];
      draw(column, row);
      showTip(`${windowName(window)}\n${columnTime(column)}, ${columnFrames(column)}\n${value === null || value === undefined ? "did not run" : `at most ${micro(value)} µs late`}`, x, y);
    };
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      column = Math.floor((event.clientX - box.left - left) / wide); row = Math.floor((event.clientY - box.top) / cell);
      if (column < 0 || column >= columns || row >= rows || row < 0) { column = row = 0; hideTip(); draw(); return; }
      say(event.clientX, event.clientY);
    });
    const off = () => { hideTip(); draw(); };
    canvas.addEventListener("pointerleave", off);
    canvas.addEventListener("blur", off);
    canvas.addEventListener("keydown", (event) => {
      const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] || [];
      if (x === undefined || rows === 0) return;
      event.preventDefault();
      column = Math.max(0, Math.min(columns - 1, column + x)); row = Math.max(0, Math.min(rows - 1, row + y));
      const box = canvas.getBoundingClientRect();
      say(box.left + left + column * wide, box.top + row * cell);
    });
    draw();
    const legend = make("div", { class: "legend" },
      [extent.low * 1.1, Math.sqrt(extent.low * extent.high), extent.high / 1.15].map((value) => {
        const swatch = make("i", { class: "swatch" }); swatch.style.background = colour(value);
        return make("span", {}, swatch, span(Number(value.toPrecision(2))));
      }));
    const over = make("i", { class: "swatch" }); over.style.background = bad;
    legend.append(make("span", {}, over, "later than allowed"));
    holder.replaceChildren(canvas, legend);
  });
}
