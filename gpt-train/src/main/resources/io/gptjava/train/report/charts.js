"use strict";

/** The panels with the curves. They share an x axis: zooming or pointing in one does so in all. */
const Charts = (() => {
  const {AXES, state, number, nearest} = Curves;
  const COLOURS = 6;
  const ROWS = 50;

  const panels = [];
  let say = () => {};
  let following = false;

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (index) => variable("--c" + (index % COLOURS));
  const faint = (value) => `color-mix(in srgb, ${value} 40%, ${variable("--card")})`;

  class Panel {
    constructor(spec, elements) {
      this.spec = spec;
      this.place = elements.place;
      this.table = elements.table;
      this.log = false;
      this.runs = [];
      this.plot = null;
      this.looks = "";
      this.place.addEventListener("keydown", (event) => this.key(event));
      elements.log.addEventListener("change", () => {
        this.log = elements.log.checked;
        this.show(this.runs);
      });
      elements.details.addEventListener("toggle", () => {
        this.open = elements.details.open;
        this.fillTable();
      });
      new ResizeObserver(() => this.plot && this.plot.setSize(this.size())).observe(this.place);
    }

    size() {
      const narrow = window.innerWidth < 760;
      const main = this.spec.curves.length > 1;
      return {width: Math.max(200, this.place.clientWidth), height: main && !narrow ? 340 : 240};
    }

    /** Draws the runs, keeping zoom and hidden lines where the lines are the same. */
    show(runs, anew) {
      this.runs = runs;
      this.lines = Curves.lines(this.spec, runs, this.log);
      const looks = JSON.stringify([this.log, state.axis, this.lines.map((l) => [l.name, l.band, l.raw])]);
      if (this.lines.length === 0) {
        this.place.textContent = "No values yet.";
        this.place.setAttribute("aria-label", `${this.spec.title}: no values yet`);
        return;
      }
      const data = uPlot.join(this.lines.map((line) => [line.x, line.y]));
      if (this.plot && looks === this.looks && !anew) {
        this.plot.setData(data, state.zoom === null);
      } else {
        if (this.plot) {
          this.plot.destroy();
        }
        this.looks = looks;
        this.place.textContent = "";
        this.plot = new uPlot(this.options(), data, this.place);
        this.legendByKeyboard();
      }
      if (state.zoom) {
        this.zoomTo(state.zoom);
      }
      this.rest(this.plot);
      this.place.setAttribute("aria-label", this.summary());
      this.fillTable();
    }

    options() {
      const axis = () => ({
        stroke: variable("--quiet"),
        grid: {stroke: variable("--line"), width: 1},
        ticks: {stroke: variable("--line"), width: 1},
        font: "12px system-ui, sans-serif",
        values: (_, splits) => splits.map((v) => (v === null ? "" : number(v))),
      });
      const series = [{label: AXES[state.axis], value: (_, v) => number(v)}];
      const bands = [];
      this.lines.forEach((line, i) => {
        const main = colour(line.own);
        const inBand = Boolean(line.band);
        if (line.band === "low") {
          bands.push({series: [i, i + 1], fill: `color-mix(in srgb, ${main} 22%, transparent)`});
        }
        series.push({
          label: line.name,
          class: inBand || line.hidden ? "band" : "curve",
          stroke: inBand ? "transparent" : line.raw ? faint(main) : main,
          width: inBand ? 0 : line.raw ? 1 : 2,
          dash: line.dash,
          points: {show: !inBand && line.y.filter((v) => v !== null).length < 2},
          value: (_, v) => number(v),
        });
      });
      return {
        ...this.size(),
        series,
        bands,
        scales: {x: {time: false}, y: {distr: this.log ? 3 : 1}},
        axes: [axis(), {...axis(), size: 64}],
        legend: {markers: {dash: (_, i) => (this.lines[i - 1]?.dash ? "dashed" : "solid")}},
        cursor: {
          sync: {key: "runs"},
          drag: {x: true, y: false},
          dataIdx: (plot, line, near) => nearest(plot.data[line], near),
        },
        hooks: {
          setScale: [(plot, key) => this.zoomed(plot, key)],
          setSeries: [(plot, i, how) => this.toggled(plot, i, how)],
          setCursor: [(plot) => plot.cursor.left < 0 && this.rest(plot)],
        },
      };
    }

    /** With nothing pointed at, the legend has the newest values. */
    rest(plot) {
      const newest = plot.data[0].length - 1;
      plot.setLegend({idxs: plot.data.map((values) => nearest(values, newest))}, false);
    }

    /** All panels follow this one's range. */
    zoomed(plot, key) {
      if (key !== "x" || following || plot !== this.plot) {
        return;
      }
      const {min, max} = plot.scales.x;
      const xs = plot.data[0];
      state.zoom = min <= xs[0] && max >= xs[xs.length - 1] ? null : [min, max];
      panels.filter((panel) => panel !== this).forEach((panel) => panel.zoomTo(state.zoom));
    }

    zoomTo(range) {
      if (!this.plot) {
        return;
      }
      const xs = this.plot.data[0];
      following = true;
      const [min, max] = range || [xs[0], xs[xs.length - 1]];
      this.plot.batch(() => this.plot.setScale("x", {min, max}));
      following = false;
    }

    /** What belongs to a line is shown and hidden with it. */
    toggled(plot, i, how) {
      if (i === null || how.show === undefined) {
        return;
      }
      const line = this.lines[i - 1];
      if (line && !line.band && !line.hidden) {
        this.lines.forEach((other, j) => {
          if ((other.band || other.hidden) && other.name === line.name && plot.series[j + 1].show !== how.show) {
            plot.setSeries(j + 1, {show: how.show});
          }
        });
      }
      this.pressed(plot);
    }

    legendByKeyboard() {
      this.plot.root.querySelectorAll(".u-legend .curve th").forEach((head) => {
        head.tabIndex = 0;
        head.setAttribute("role", "button");
        head.addEventListener("keydown", (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            event.stopPropagation();
            head.click();
          }
        });
      });
      this.pressed(this.plot);
    }

    pressed(plot) {
      plot.root.querySelectorAll(".u-legend .curve").forEach((row) => {
        row.querySelector("th").setAttribute("aria-pressed", String(!row.classList.contains("u-off")));
      });
    }

    key(event) {
      if (!this.plot || event.target !== this.place) {
        return;
      }
      const xs = this.plot.data[0];
      const [first, last] = this.plot.series[0].idxs;
      const now = this.plot.cursor.idx ?? last;
      const to = {ArrowLeft: now - 1, ArrowRight: now + 1, Home: first, End: last}[event.key];
      if (to !== undefined) {
        const index = Math.min(last, Math.max(first, to));
        this.plot.setCursor({left: this.plot.valToPos(xs[index], "x"), top: this.plot.over.clientHeight / 2});
        say(this.at(index));
      } else if (event.key === "+" || event.key === "-") {
        zoom(event.key === "+" ? 0.5 : 2);
      } else if (event.key === "0") {
        reset();
      } else {
        return;
      }
      event.preventDefault();
    }

    /** The values at an x, in words. */
    at(index) {
      const values = this.visible().map(([line, i]) => {
        const values = this.plot.data[i];
        return `${line.name} ${number(values[nearest(values, index)])}`;
      });
      return `${AXES[state.axis]} ${number(this.plot.data[0][index])}: ${values.join("; ")}`;
    }

    visible() {
      return this.lines.map((line, i) => [line, i + 1]).filter(([line]) => !line.band && !line.hidden);
    }

    summary() {
      const parts = this.visible().map(([line]) => {
        const known = line.y.map((v, i) => [v, line.x[i]]).filter(([v]) => v !== null);
        if (known.length === 0) {
          return `${line.name}: no values`;
        }
        const [firstY, firstX] = known[0];
        const [lastY, lastX] = known[known.length - 1];
        const low = known.reduce((a, b) => (b[0] < a[0] ? b : a));
        return `${line.name}: ${number(firstY)} at ${number(firstX)}, lowest ${number(low[0])} at ${number(low[1])}, last ${number(lastY)} at ${number(lastX)}`;
      });
      return `${this.spec.title} by ${AXES[state.axis]}. ${parts.join(". ")}. Arrow keys read values, plus and minus zoom, 0 shows all.`;
    }

    /** The numbers behind the curves, at most so many rows. */
    fillTable() {
      if (!this.open || !this.plot) {
        return;
      }
      const shown = this.visible();
      const xs = this.plot.data[0];
      const rows = Math.min(ROWS, xs.length);
      const head = document.createElement("tr");
      [AXES[state.axis], ...shown.map(([line]) => line.name)].forEach((name) => cell(head, "th", name).setAttribute("scope", "col"));
      const body = document.createElement("tbody");
      for (let row = 0; row < rows; row++) {
        const index = rows === 1 ? 0 : Math.round((row * (xs.length - 1)) / (rows - 1));
        const line = body.appendChild(document.createElement("tr"));
        cell(line, "th", number(xs[index])).setAttribute("scope", "row");
        shown.forEach(([, i]) => cell(line, "td", number(this.plot.data[i][nearest(this.plot.data[i], index)])));
      }
      this.table.textContent = "";
      const top = this.table.appendChild(document.createElement("thead"));
      top.append(head);
      this.table.append(body);
    }
  }

  function cell(row, name, text) {
    const element = row.appendChild(document.createElement(name));
    element.textContent = text;
    element.className = "number";
    return element;
  }

  function zoom(factor) {
    const panel = panels.find((p) => p.plot);
    if (!panel) {
      return;
    }
    const {min, max} = panel.plot.scales.x;
    const xs = panel.plot.data[0];
    const centre = panel.plot.cursor.idx === null || panel.plot.cursor.idx === undefined ? (min + max) / 2 : xs[panel.plot.cursor.idx];
    const half = ((max - min) * factor) / 2;
    const range = [Math.max(xs[0], centre - half), Math.min(xs[xs.length - 1], centre + half)];
    if (range[1] > range[0]) {
      state.zoom = range[0] <= xs[0] && range[1] >= xs[xs.length - 1] ? null : range;
      panels.forEach((p) => p.zoomTo(state.zoom));
    }
  }

  function reset() {
    state.zoom = null;
    panels.forEach((panel) => panel.zoomTo(null));
  }

  function show(runs, anew) {
    panels.forEach((panel) => panel.show(runs, anew));
  }

  return {Panel, panels, show, zoom, reset, speak: (listener) => (say = listener)};
})();
