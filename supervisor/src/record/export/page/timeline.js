// What happened in the worst frames: a lane for each partition, one for each core's dispatcher.
const spanColours = { ran: "var(--s0)", wake: "var(--s1)", stop: "var(--s3)", continue: "var(--s2)", entry: "var(--s4)", skipped: "var(--bad)", interrupt: "var(--s6)", sent: "var(--s8)", received: "var(--s8)", arrived: "var(--s8)", raised: "var(--s6)", mark: "var(--ink)" };
const spanNames = { ran: "partition runs", wake: "planned start to dispatcher awake", stop: "stopping", continue: "continuing", entry: "reaching the first instruction", skipped: "window skipped", interrupt: "interrupt served", sent: "message sent ▲", received: "message received ▼", arrived: "messages arrived ◆", raised: "interrupt raised ▸", mark: "event" };

function timelines(holder) {
  if (data.timelines.length === 0) { at("frames").hidden = true; return () => {}; }
  let chosen = 0, from = 0, to = 0, focus = null;
  const buttons = make("div", { class: "buttons", role: "group", "aria-label": "Frame" });
  const chart = make("div", { class: "chart" });
  const heading = make("h3", {});
  const legend = make("div", { class: "legend" }, Object.entries(spanNames).map(([kind, name]) => {
    const swatch = make("i", { class: "swatch" }); swatch.style.background = spanColours[kind];
    return make("span", {}, swatch, name);
  }));
  holder.append(buttons, heading, chart, legend);
  const now = () => data.timelines[chosen];
  const worstOf = (frame) => data.worst.find((worst) => worst.frame === frame);
  const whole = () => { [from, to] = [now().from_ns, now().to_ns]; };
  const worstWindow = () => {
    const worst = focus && focus.frame === now().frame ? focus : worstOf(now().frame);
    const reach = Math.max(worst.lateness_ns * 1.5, 60000);
    from = Math.max(now().from_ns, worst.at_ns - reach * 0.5); to = Math.min(now().to_ns, worst.at_ns + reach * 1.3);
  };
  const select = (index) => { chosen = index; whole(); redraw(); };
  function redraw() {
    const names = data.timelines.map((timeline, index) => make("button", { type: "button", "aria-pressed": index === chosen ? "true" : "false",
      onclick: () => { focus = null; select(index); } }, `${count(timeline.frame)} · ${micro(worstOf(timeline.frame).lateness_ns)} µs`));
    buttons.replaceChildren(...names,
      make("button", { type: "button", onclick: () => { worstWindow(); redraw(); } }, "Worst window (W)"),
      make("button", { type: "button", onclick: () => { whole(); redraw(); } }, "Whole frame (0)"));
    const worst = focus && focus.frame === now().frame ? focus : worstOf(now().frame);
    heading.textContent = `Frame ${count(now().frame)}: ${partitionName(worst.partition)} ${micro(worst.lateness_ns)} µs late, ${causeNames[worst.cause] || worst.cause}`;
    draw(Math.floor(chart.clientWidth));
  }
  function zoom(factor) {
    const middle = (from + to) / 2, half = Math.max(2000, (to - from) / 2 * factor);
    [from, to] = [Math.max(now().from_ns, middle - half), Math.min(now().to_ns, middle + half)];
  }
  function move(part) {
    const by = (to - from) * part, left = Math.max(now().from_ns - from, Math.min(by, now().to_ns - to));
    from += left; to += left;
  }
  function keys(event) {
    const act = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), 0: whole, w: worstWindow, W: worstWindow }[event.key];
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act(); redraw();
    chart.querySelector("svg").focus({ preventScroll: true });
  }
  function draw(width) {
    if (width <= 0) return;
    const timeline = now(), lanes = [];
    const used = new Set(timeline.spans.map((one) => one.partition));
    summary.cores.forEach((core, index) => {
      lanes.push({ core: index, partition: null, name: `core ${core.number} dispatcher` });
      summary.partitions.forEach((partition, number) => {
        if (partition.core === core.number && used.has(number)) lanes.push({ core: index, partition: number, name: partition.name });
      });
    });
    const lane = 24, left = Math.min(150, width * 0.28), right = width - 8, height = lanes.length * lane + 30;
    const x = (ns) => left + (ns - from) / (to - from || 1) * (right - left);
    const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, height, tabindex: 0, role: "img", onkeydown: keys,
      "aria-label": `Frame ${timeline.frame}, ${span(to - from)} shown; plus, minus, arrows, 0 and W change the view` });
    const rough = (to - from) / Math.max(3, (right - left) / 130), decade = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((by) => by * decade).find((by) => by >= rough);
    for (let tick = Math.ceil((from - timeline.frame_ns) / step) * step; tick <= to - timeline.frame_ns; tick += step) {
      const place = x(tick + timeline.frame_ns);
      svg.append(make("line", { class: "grid", x1: place, x2: place, y1: 0, y2: lanes.length * lane }),
        make("text", { x: Math.min(place, right), y: height - 8, "text-anchor": place > right - 30 ? "end" : "middle" }, tick === 0 ? "frame" : `${tick < 0 ? "−" : "+"}${span(Math.abs(tick))}`));
    }
    lanes.forEach((row, index) => {
      const y = index * lane;
      svg.append(make("line", { class: "grid", x1: 0, x2: right, y1: y + lane, y2: y + lane }),
        make("text", { x: 0, y: y + 16 }, row.name.length * 7 > left ? `${row.name.slice(0, Math.floor(left / 7) - 1)}…` : row.name));
      // The plan, as an outline behind what came of it.
      data.windows.filter((window) => window.core === row.core && window.partition === row.partition && window.duration_ns > 0).forEach((window) => {
        for (const shift of [-summary.major_frame_ns, 0]) {
          const begin = Math.max(from, timeline.frame_ns + shift + window.start_ns), end = Math.min(to, timeline.frame_ns + shift + window.start_ns + window.duration_ns);
          if (begin < end) svg.append(make("rect", { x: x(begin), width: x(end) - x(begin), y: y + 2, height: lane - 4, fill: "none", stroke: "var(--axis)", "stroke-dasharray": "3 2" }));
        }
      });
    });
    for (const one of timeline.spans) {
      if (one.to_ns < from || one.from_ns > to) continue;
      const guests = ["ran", "skipped", "interrupt", "sent", "received", "arrived", "raised", "mark"].includes(one.kind);
      const index = lanes.findIndex((row) => row.core === one.core && row.partition === (guests ? one.partition : null));
      if (index < 0) continue;
      const begin = Math.max(from, one.from_ns), end = Math.min(to, one.to_ns), y = index * lane;
      const words = `${spanNames[one.kind]}${one.partition === null ? "" : `: ${partitionName(one.partition)}`}\n${one.what ? `${one.what}\n` : ""}` +
        `at ${span(Math.max(0, one.from_ns - timeline.frame_ns))}${one.to_ns > one.from_ns ? `, for ${span(one.to_ns - one.from_ns)}` : ""}`;
      const place = x(begin), tips = { fill: spanColours[one.kind], onpointermove: (event) => showTip(words, event.clientX, event.clientY), onpointerleave: hideTip };
      // Instants of a guest: messages point up or down at the edges of the lane, interrupts run along its foot, other events cross it.
      if (one.kind === "sent") svg.append(make("path", { d: `M${place - 3.5},${y + 7}h7l-3.5,-6z`, ...tips }));
      else if (one.kind === "received") svg.append(make("path", { d: `M${place - 3.5},${y + 1}h7l-3.5,6z`, ...tips }));
      else if (one.kind === "arrived") svg.append(make("path", { d: `M${place - 3.5},${y + 4.5}l3.5,-3.5l3.5,3.5l-3.5,3.5z`, ...tips }));
      else if (one.kind === "raised") svg.append(make("path", { d: `M${place - 2},${y + lane - 8}v7l5,-3.5z`, ...tips }));
      else if (one.kind === "mark") svg.append(make("rect", { x: place - 1, width: 2, y: y + 1, height: lane - 2, ...tips }));
      else if (one.kind === "interrupt") svg.append(make("rect", { x: place, width: Math.max(1.5, x(end) - place), y: y + lane - 6, height: 5, ...tips }));
      else svg.append(make("rect", { x: place, width: Math.max(1, x(end) - place), y: y + 7, height: lane - 14, rx: 2, ...tips }));
    }
    chart.replaceChildren(svg);
  }
  drawn(chart, draw);
  select(0);
  worstWindow(); redraw();
  return (worst) => {
    const index = data.timelines.findIndex((timeline) => timeline.frame === worst.frame);
    if (index < 0) return false;
    focus = worst; select(index); worstWindow(); redraw();
    at("frames").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    return true;
  };
}
