// Draws every chart of a page from the data that the server wrote beside it. One small grammar
// (governance/exhibits.py): axes with a scale, series with a mark and a tone, rules. Colours come from the token sheet.
"use strict";

(() => {
  const TONES = ["ink", "ink-2", "ink-3", "line", "surface", "accent", "good", "warn", "bad", "second", "third", "fourth", "fifth"];
  const MINUS = "\u2212";

  // A probe element resolves light-dark(), which custom properties do not.
  function palette() {
    const probe = document.createElement("i");
    document.body.append(probe);
    const colours = {};
    for (const tone of TONES) {
      probe.style.color = `var(--${tone})`;
      colours[tone] = getComputedStyle(probe).color;
    }
    probe.remove();
    return { ...colours, muted: colours["ink-3"] };
  }

  const fade = (colour, alpha) => colour.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);

  function scaled(value, digits) {
    const size = Math.abs(value);
    for (const [scale, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
      if (size >= scale) return `${trim((value / scale).toPrecision(digits))}${letter}`;
    }
    if (size === 0) return "0";
    return trim(value.toPrecision(digits));
  }
  function trim(text) {
    const value = Number(text);
    return (Math.abs(value) < 1e-4 && value !== 0 ? text : String(value)).replace("-", MINUS);
  }
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  function moment(seconds, precise) {
    const at = new Date(seconds * 1000);
    const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
    if (!precise) return day;
    const clock = `${String(at.getUTCHours()).padStart(2, "0")}:${String(at.getUTCMinutes()).padStart(2, "0")}`;
    return clock === "00:00" ? `${day} ${at.getUTCFullYear()}` : `${day} ${at.getUTCFullYear()}, ${clock} UTC`;
  }
  function clock(milliseconds) {
    const at = new Date(milliseconds);
    return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${String(at.getUTCHours()).padStart(2, "0")}:00`;
  }
  function month(milliseconds) {
    const at = new Date(milliseconds);
    return `${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`;
  }
  const WRITE = {
    usd: (v) => (v < 0 ? `${MINUS}$${scaled(-v, 3)}` : `$${scaled(v, 3)}`),
    percent: (v) => `${trim((v * 100).toPrecision(3))} %`,
    number: (v) => scaled(v, 4),
    health: (v) => v.toFixed(3),
    time: (v) => moment(v / 1000, true),
    day: (v) => moment(Date.parse(v) / 1000, true),
    category: (v) => String(v),
  };

  // The next round number above: a rule must not stand beyond the axis.
  function ceiling(value) {
    const step = 10 ** Math.floor(Math.log10(value)) * 2;
    return Math.ceil(value / step) * step;
  }

  function axis(spec, colours, side) {
    const named = spec.scale === "category";
    const type = named || spec.scale === "day" ? "category" : spec.log ? "log" : spec.scale === "time" ? "time" : "value";
    const short = { time: (v) => (spec.years ? month(v) : spec.hours ? clock(v) : moment(v / 1000, false)), day: (v) => moment(Date.parse(v) / 1000, false), health: (v) => String(Number(v.toFixed(2))) };
    const exact = { usd: (v) => (v < 0 ? `${MINUS}$${scaled(-v, 5)}` : `$${scaled(v, 5)}`) };  // neighbouring ticks must differ
    const write = short[spec.scale] ?? (spec.zoom ? exact[spec.scale] : undefined) ?? WRITE[spec.scale];
    return {
      type, inverse: side === "y" && named, data: side === "y" && named ? spec.names : undefined, name: side === "x" ? spec.label : "", nameLocation: "middle", nameGap: 30, nameTextStyle: { color: colours["ink-3"], fontSize: 12 },
      scale: spec.zoom || spec.scale === "time" || spec.scale === "health", splitNumber: side === "x" ? 6 : 4, minorTick: { show: false },
      min: spec.scale === "time" ? "dataMin" : undefined, max: spec.scale === "time" || (side === "x" && spec.scale === "number" && spec.lines) ? "dataMax" : spec.scale === "percent" && !spec.reach ? (data) => (data.max === 1 ? 1 : null) : spec.reach ? (data) => (spec.reach > data.max ? ceiling(spec.reach) : null) : undefined,
      axisLine: { show: side === "x", lineStyle: { color: colours["ink-3"], width: 1 } },
      axisTick: { show: side === "x" && type !== "category", lineStyle: { color: colours.line }, length: 4 },
      axisLabel: { color: colours["ink-2"], fontSize: 12, formatter: write, hideOverlap: true, showMinLabel: spec.scale === "time" ? false : undefined, showMaxLabel: spec.scale === "time" ? false : undefined },
      splitLine: { show: (side === "y") !== Boolean(spec.across), lineStyle: { color: colours.line } },
    };
  }

  // A line from low to high with a cap at either end, and a dot where the estimate is.
  function whisker(api, colour) {
    const [[low, y], [middle], [high]] = [0, 1, 2].map((i) => api.coord([api.value(i), api.value(3)]));
    const stroke = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: colour, lineWidth: 1.6 } });
    return { type: "group", children: [
      stroke(low, y, high, y), stroke(low, y - 4, low, y + 4), stroke(high, y - 4, high, y + 4),
      { type: "circle", shape: { cx: middle, cy: y, r: 4.5 }, style: { fill: colour } },
    ] };
  }

  function marks(series, spec, colours) {
    const colour = colours[series.tone];
    const base = { name: series.name, data: series.data, emphasis: { disabled: true }, color: colour, animation: false };
    if (series.mark === "base") return [{ ...base, type: "bar", barMaxWidth: 26, stack: "all", silent: true, itemStyle: { opacity: 0 } }];
    if (series.mark === "bar") return [{ ...base, type: "bar", barMaxWidth: 26, stack: spec.stacked ? "all" : undefined, itemStyle: { borderRadius: spec.stacked ? 0 : [2, 2, 0, 0] } }];
    if (series.mark === "dots") return [{ ...base, type: "scatter", symbolSize: 3, itemStyle: { color: fade(colour, 0.75) } }];
    if (series.mark === "interval") return [{ ...base, type: "custom", encode: { x: [0, 1, 2], y: 3 }, renderItem: (_, api) => whisker(api, colour) }];
    if (series.mark === "points") return [{ ...base, type: "scatter", symbol: series.tone === "bad" ? "diamond" : "circle", symbolSize: series.tone === "muted" || spec.series.length === 1 ? 8 : 14, itemStyle: { color: fade(colour, 0.6), borderColor: colour, borderWidth: 1 } }];
    if (series.mark === "band") {
      const hidden = { type: "line", symbol: "none", silent: true, lineStyle: { opacity: 0 }, stack: `band ${series.name}`, stackStrategy: "all", animation: false, tooltip: { show: false } };
      return [
        { ...hidden, name: `${series.name} low`, data: series.data.map(([x, low]) => [x, low]) },
        { ...hidden, ...{ name: series.name, color: colour, areaStyle: { color: fade(colour, 0.18) } }, data: series.data.map(([x, low, high]) => [x, high - low]), bounds: series.data },
      ];
    }
    return [{
      ...base, type: "line", symbol: series.data.length < 3 ? "circle" : "none", symbolSize: 6, sampling: "lttb", lineStyle: { width: 1.8, color: colour, type: series.dashed ? [5, 4] : "solid" },
      areaStyle: series.mark === "area" ? { color: fade(colour, 0.13) } : undefined, stack: spec.stacked && series.mark === "area" ? "all" : undefined,
    }];
  }

  function rules(spec, colours) {
    if (!spec.rules.length) return [];
    return [{
      type: "line", name: "", data: [], silent: true, animation: false,
      markLine: {
        symbol: "none", silent: true, animation: false,
        data: spec.rules.map((rule) => ({
          [rule.axis === "x" ? "xAxis" : "yAxis"]: rule.at,
          lineStyle: { color: colours[rule.tone], type: [3, 3], width: 1.2 },
          label: { formatter: rule.label, color: colours[rule.tone], fontSize: 12, position: rule.axis === "y" ? "insideEndTop" : spec.y.scale === "category" ? "start" : "end", align: spec.x.scale === "health" && rule.axis === "x" ? "left" : undefined, distance: rule.axis === "x" ? 4 : 3 },
        })),
      },
    }];
  }

  function interval(box, head, [low, middle, high, name], spec) {
    const write = WRITE[spec.x.scale];
    head.textContent = name;
    box.append(head);
    for (const [label, text] of [[spec.x.label, write(middle)], ["Interval", `${write(low)} to ${write(high)}`]]) {
      const row = document.createElement("span");
      const value = document.createElement("b");
      value.textContent = text;
      row.append(label, value);
      box.append(row);
    }
    return box;
  }

  // The tooltip is built as elements: text from the data never becomes HTML, and the security policy has no inline style.
  function tooltip(spec, series) {
    return (given) => {
      const items = (Array.isArray(given) ? given : [given]).filter((item) => item.seriesName && !item.seriesName.endsWith(" low"));
      if (!items.length) return "";
      const box = document.createElement("div");
      box.className = "tip";
      const head = document.createElement("strong");
      const first = items[0].value;
      if (items[0].seriesType === "custom") return interval(box, head, first, spec);
      head.textContent = items[0].data?.[2] && typeof items[0].data[2] === "string" ? items[0].data[2] : `${spec.x.scale === "time" ? "" : `${spec.x.label}: `}${WRITE[spec.x.scale](Array.isArray(first) ? first[0] : items[0].name)}`;
      box.append(head);
      for (const item of items) {
        const row = document.createElement("span");
        const value = document.createElement("b");
        const band = series.find((one) => one.name === item.seriesName && one.mark === "band");
        const point = band ? band.data[item.dataIndex] : null;
        const y = Array.isArray(item.value) ? item.value[1] : item.value;
        value.textContent = point ? `${WRITE[spec.y.scale](point[1])} to ${WRITE[spec.y.scale](point[2])}` : WRITE[spec.y.scale](y);
        row.append(item.seriesName, value);
        box.append(row);
      }
      return box;
    };
  }

  function option(spec, colours) {
    const times = spec.x.scale === "time" ? spec.series.flatMap((series) => series.data.map(([x]) => x)) : [];
    const span = times.length ? Math.max(...times) - Math.min(...times) : Infinity;
    const years = times.length > 0 && span > 400 * 864e5;  // a day and a month name no year
    const hours = span < 5 * 864e5;  // several ticks in a day
    const lines = spec.series.every((series) => ["line", "area", "band"].includes(series.mark));
    const reach = spec.y.log ? 0 : Math.max(0, ...spec.rules.filter((rule) => rule.axis === "y").map((rule) => rule.at));
    const across = spec.y.scale === "category";
    const points = across || (spec.x.scale !== "time" && spec.series.some((series) => series.mark === "points"));
    const names = spec.series.flatMap((series) => series.data).sort((a, b) => a[1] - b[1]).map((row) => row[3]);
    const legend = spec.series.length > 1;
    const ruled = spec.rules.some((rule) => rule.axis === "x");
    return {
      animation: false, useUTC: true, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colours["ink-2"] },
      aria: { enabled: true },
      grid: { left: 4, right: 14, top: (legend ? 37 : 10) + (spec.y.label ? 20 : 0) + (ruled ? 18 : 0), bottom: spec.x.label ? 32 : 6, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      legend: legend ? { left: 0, top: 0, icon: "roundRect", itemWidth: 12, itemHeight: 4, itemGap: 18, type: "scroll", data: spec.series.filter((series) => series.mark !== "base").map((series) => ({ name: series.name, itemStyle: { color: colours[series.tone], opacity: series.mark === "band" ? (series.name.startsWith("9") ? 0.3 : 0.55) : 1, borderWidth: 0 } })), textStyle: { color: colours["ink-2"], fontSize: 12.5 }, inactiveColor: colours.line } : undefined,
      title: spec.y.label ? { text: spec.y.label, left: 0, top: legend ? 33 : 5, padding: 0, textStyle: { color: colours["ink-3"], fontSize: 12, fontWeight: 400 } } : undefined,
      tooltip: { trigger: points ? "item" : "axis", confine: true, backgroundColor: colours.surface, borderColor: colours.line, padding: [8, 12], extraCssText: "box-shadow: 0 6px 20px rgba(0,0,0,.12)", axisPointer: { type: spec.series.every((s) => s.mark === "bar" || s.mark === "base") ? "shadow" : "line", lineStyle: { color: colours["ink-3"], type: "solid" }, shadowStyle: { color: fade(colours["ink-3"], 0.1) } }, formatter: tooltip(spec, spec.series) },
      xAxis: axis({ ...spec.x, across, years, hours, lines }, colours, "x"), yAxis: axis({ ...spec.y, across, names, reach }, colours, "y"),
      series: [...spec.series.flatMap((series) => marks(series, spec, colours)), ...rules(spec, colours)],
    };
  }

  const drawn = [];
  function draw() {
    const colours = palette();
    for (const { chart, spec } of drawn) chart.setOption(option(spec, colours), { notMerge: true });
  }

  for (const plot of document.querySelectorAll("[data-chart]")) {
    const spec = JSON.parse(document.getElementById(plot.dataset.chart).textContent);
    if (spec.x.scale === "time") {
      for (const series of spec.series) series.data = series.data.map(([x, ...rest]) => [x * 1000, ...rest]);
      for (const rule of spec.rules) if (rule.axis === "x") rule.at *= 1000;
    }
    const chart = window.echarts.init(plot, null, { renderer: "canvas" });
    drawn.push({ chart, spec });
    new ResizeObserver(() => chart.resize()).observe(plot);
  }
  if (!drawn.length) return;
  draw();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) window.matchMedia(query).addEventListener("change", draw);
  document.documentElement.dataset.charts = String(drawn.length);
})();
