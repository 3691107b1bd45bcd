// The page, from top to bottom.
const all = summary.partitions;
const sum = (pick) => all.reduce((total, partition) => total + pick(partition), 0);
const windowsRun = sum((partition) => partition.windows);
const worstMax = Math.max(0, ...all.map((partition) => partition.start_lateness_ns.max));
document.title = `${summary.module}: timing profile`;
at("title").textContent = `Module ${summary.module}`;
const began = new Date(summary.started_unix_ns / 1e6);
at("subtitle").textContent = `${many(all.length, "partition")} on ${many(summary.cores.length, "core")}, major frame ${span(summary.major_frame_ns)} · recorded ` +
  `${isNaN(began) ? "at an unknown time" : began.toISOString().replace("T", " ").replace(/\..*/, " UTC")} for ${span(summary.duration_ns)}`;

// The verdict.
{
  const broken = data.verdicts.filter((verdict) => !verdict.kept);
  const late = sum((partition) => partition.late_windows), skipped = sum((partition) => partition.skipped_windows), missed = sum((partition) => partition.missed_windows);
  let kind = "", sign = "○", words = "No budget was given", lines = [];
  if (data.verdicts.length > 0) {
    [kind, sign, words] = broken.length ? ["broken", "✗", `${broken.length} of ${many(data.verdicts.length, "budget")} broken`] : ["kept", "✓", data.verdicts.length === 1 ? "The budget was kept" : `All ${data.verdicts.length} budgets were kept`];
    lines = (broken.length ? broken : data.verdicts).slice(0, 12).map((verdict) => `${verdict.partition}: ${verdict.budget}, ${verdict.observed_ns !== null ? `observed ${micro(verdict.observed_ns)} µs` : verdict.missed_windows ? `${many(verdict.missed_windows, "window")} did not start at all` : "observed nothing"}`);
  } else {
    lines = [`${count(late)} of ${count(windowsRun)} windows started more than ${span(summary.late_after_ns)} late; ${many(missed, "window")} did not start at all`];
  }
  const frames = summary.cores.reduce((total, core) => total + core.skipped_frames, 0);
  if (data.verdicts.length > 0 && skipped + frames > 0) lines.push(`${many(skipped, "window")} and ${many(frames, "whole frame")} were skipped: no lateness contains them, and budgets on starts count them as later than any`);
  at("verdict").append(make("div", { class: `verdict ${kind}`, id: "banner" }, make("span", { class: "sign", "aria-hidden": "true" }, sign),
    make("div", {}, make("strong", {}, words), make("ul", {}, lines.map((line) => make("li", {}, line))))));
  const lost = summary.cores.reduce((total, core) => total + core.lost_events, 0);
  const tiles = [["Observed maximum", `${micro(worstMax)} µs`, worstMax], ["Windows", count(windowsRun)], [`Later than ${span(summary.late_after_ns)}`, count(late)], ["Did not start", count(missed)],
    ["Overruns", count(sum((partition) => partition.overruns))], ["Restarts", count(sum((partition) => partition.restarts))], ["Events", count(summary.events)]];
  at("tiles").append(...tiles.map(([label, value, ns]) => make("div", { class: "tile" }, make("div", { class: "label" }, label), make("div", { class: "value", "data-ns": ns }, value))));
  const notes = [];
  if (lost) notes.push(`${many(lost, "event")} lost, which no figure contains`);
  if (summary.unknown_events) notes.push(`${many(summary.unknown_events, "event")} of unknown kinds left out`);
  if (summary.misplaced_events) notes.push(`${many(summary.misplaced_events, "event")} of cores or partitions that the header does not have left out`);
  if (summary.truncated_tail) notes.push("The recording ends within an event, which is left out");
  if (!data.sampled) notes.push("The recording holds no samples of the host's counters, so causes are known from the dispatcher's instants only");
  at("notes").append(...notes.map((note) => make("p", { class: "note" }, `! ${note}`)));
}

// Partitions.
at("partitions").append(table(
  [{ title: "partition" }, { title: "core", n: 1 }, { title: "windows", n: 1 }, { title: "p50", n: 1 }, { title: "p90", n: 1 }, { title: "p99", n: 1 }, { title: "p99.9", n: 1 },
    { title: "max", n: 1 }, { title: "late", n: 1 }, { title: "did not start", n: 1 }, { title: "overruns", n: 1 }, { title: "restarts", n: 1 }],
  all.map((partition, index) => {
    const figure = partition.start_lateness_ns;
    return make("tr", { "data-partition": partition.name }, make("td", { class: "name" }, partition.name), make("td", { class: "n" }, partition.core), make("td", { class: "n", "data-count": partition.windows }, count(partition.windows)),
      [figure.p50, figure.p90, figure.p99, figure.p999, figure.max].map((ns) => figureCell(ns, data.limits_ns[index])),
      [partition.late_windows, partition.missed_windows, partition.overruns, partition.restarts].map((number) => make("td", { class: "n" }, count(number))));
  })));

// What guests did, where they did anything that recordings hold.
{
  const counts = [["interrupts raised", "interrupts_raised"], ["served", "interrupts"], ["timer ticks", "timer_ticks"], ["messages sent", "messages_sent"], ["arrived", "messages_arrived"],
    ["received", "messages_received"], ["process switches", "process_switches"], ["events lost", "trace_events_lost"]];
  if (sum((partition) => counts.reduce((total, [, name]) => total + partition[name], 0)) === 0) at("guests-section").hidden = true;
  at("guests").append(table([{ title: "partition" }, ...counts.map(([title]) => ({ title, n: 1 }))], all.map((partition) => make("tr", { "data-guest": partition.name },
    make("td", { class: "name" }, partition.name), counts.map(([, name]) => make("td", { class: "n", [`data-${name}`]: partition[name] }, count(partition[name])))))));
}

// Which windows the charts of several show: the worst eight at first, since eight colours can be told apart.
const chosenWindows = new Set(data.windows.map((window, index) => index).sort((a, b) => data.windows[b].figure.max - data.windows[a].figure.max).slice(0, 8));
const chosen = () => [...chosenWindows].sort((a, b) => a - b);
at("picker").append(...data.windows.map((window, index) => {
  const swatch = make("i", { class: "swatch" }); swatch.style.background = coloured(index);
  return make("label", {}, make("input", { type: "checkbox", checked: chosenWindows.has(index) ? "" : null, onchange: (event) => {
    if (event.target.checked) chosenWindows.add(index); else chosenWindows.delete(index);
    drawers.forEach((redraw) => redraw());
  } }), swatch, windowName(window));
}));
at("histograms-note").textContent = `Each bar counts windows, on logarithmic scales. ${data.windows.length > 24 ? "The 24 worst windows are shown. " : ""}Bars beyond the line are late.`;
const shownWindows = data.windows.length <= 24 ? data.windows : [...data.windows].sort((a, b) => b.figure.max - a.figure.max).slice(0, 24);
at("histograms").append(...shownWindows.map(histogram));
percentiles(at("percentiles"), chosen);
at("time-note").textContent = `${data.axis.frames_per_column === 1 ? "Each point is one frame" : `Each point covers ${count(data.axis.frames_per_column)} frames: the strong line is their maximum, the faint one their mean`}. Arrow keys move the cursor.`;
overTime(at("time"), chosen);
heatmap(at("heatmap"));

// Causes.
{
  const late = data.causes.reduce((total, cause) => total + cause.late_windows, 0);
  at("causes-note").textContent = `All start lateness of all windows, by cause; of those that did not start, until the dispatcher came${late ? `; and that of the ${many(late, "late window")}` : "; no window was late"}.`;
  const whole = data.causes.reduce((total, cause) => total + cause.ns, 0), lateWhole = data.causes.reduce((total, cause) => total + cause.late_ns, 0);
  const percent = (part, of) => of ? `${(part / of * 100).toFixed(1)} %` : "–";
  at("causes").append(table([{ title: "cause" }, { title: "share of all", n: 1 }, { title: "a window, mean µs", n: 1 }, { title: "share of late ones", n: 1 }, { title: "late windows mainly for it", n: 1 }],
    [...data.causes].sort((a, b) => b.ns - a.ns).map((cause) => {
      const swatch = make("i", { class: "swatch" }); swatch.style.background = causeColour(cause.cause);
      return make("tr", {}, make("td", { class: "words" }, swatch, " ", cause.name), make("td", { class: "n" }, percent(cause.ns, whole)), make("td", { class: "n" }, micro(windowsRun ? cause.ns / windowsRun : 0)),
        make("td", { class: "n" }, percent(cause.late_ns, lateWhole)), make("td", { class: "n" }, count(cause.late_windows)));
    })));
}

// The worst windows and their frames.
if (data.worst.some((worst) => worst.to_first_instruction))
  at("worst-note").textContent = "Late by: until the guest's first instruction, or until it was continued where that is not known. " + at("worst-note").textContent;
const showFrame = timelines(at("timeline"));
at("worst").append(table([{ title: "late by, µs", n: 1 }, { title: "partition" }, { title: "at" }, { title: "frame", n: 1 }, { title: "cause" }],
  data.worst.map((worst) => {
    const bar = make("div", { class: "share", "aria-hidden": "true" }, worst.shares.map((share) => {
      const part = make("i", { title: `${causeNames[share.cause]}: ${micro(share.ns)} µs` });
      part.style.background = causeColour(share.cause); part.style.flex = share.ns; return part;
    }));
    const words = (worst.missed ? "did not start: " : "") + worst.shares.map((share) => `${causeNames[share.cause]} ${micro(share.ns)}`).join(", ") +
      (worst.interrupts ? ` · ${many(worst.interrupts, "interrupt")} on the core around it` : "") +
      (worst.sources.length ? ` (${worst.sources.map((source) => `${source.name.replace(/ interrupts(?= \()/, "")}: ${count(source.count)}`).join(", ")})` : "");
    const has = data.timelines.some((timeline) => timeline.frame === worst.frame);
    return make("tr", { class: has ? "pick" : null, tabindex: has ? 0 : null, onclick: () => showFrame(worst),
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); showFrame(worst); } } },
    make("td", { class: worst.over_budget ? "n over" : "n", "data-ns": worst.lateness_ns }, (worst.missed ? "≥ " : "") + micro(worst.lateness_ns)), make("td", { class: "name" }, partitionName(worst.partition)),
    make("td", { class: "name" }, span(worst.at_ns)), make("td", { class: "n" }, count(worst.frame)), make("td", { class: "words" }, words, bar));
  })));

// What else happened.
if (data.marks.length === 0) at("marks-section").hidden = true;
at("marks").append(table([{ title: "at" }, { title: "partition" }, { title: "what" }],
  data.marks.map((mark) => make("tr", {}, make("td", { class: "name" }, span(mark.at_ns)), make("td", { class: "name" }, partitionName(mark.partition)), make("td", { class: "words" }, mark.what)))));
if (data.marks_left_out) at("marks").append(make("p", { class: "muted" }, `${many(data.marks_left_out, "further event")} left out`));
at("host").append(table([{ title: "fact" }, { title: "value" }], Object.entries(summary.host).map(([name, value]) => make("tr", {}, make("td", { class: "name" }, name), make("td", { class: "words" }, value)))));
document.documentElement.dataset.ready = "yes";
