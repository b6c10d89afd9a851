"use strict";

/** The page around the panels. Whatever comes from a run enters as text, never as markup. */
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const page = document.getElementById("page");
  const several = data.runs.length > 1;
  const renewals = [];

  window.addEventListener("error", (event) => (document.documentElement.dataset.error = event.message));

  /** An element with attributes, listeners (on…) and children; strings become text. */
  function el(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith("on")) {
        element.addEventListener(key.slice(2), value);
      } else if (value === true) {
        element.setAttribute(key, "");
      } else if (value !== false && value !== undefined && value !== null) {
        element.setAttribute(key, value);
      }
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
    return element;
  }

  /** A part that is filled again with each piece of news. */
  function renewed(element, fill) {
    const renew = (runs) => element.replaceChildren(...[fill(runs)].flat(Infinity).filter((child) => child !== null));
    renewals.push(renew);
    renew(data.runs);
    return element;
  }

  const integer = (value) => (value === undefined ? "–" : value.toLocaleString("en"));
  const value = (number) => Curves.number(number);

  function duration(seconds) {
    if (seconds === undefined || !Number.isFinite(seconds)) {
      return "–";
    }
    const whole = Math.round(seconds);
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
    return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
  }

  const bytes = (size) => `${(size / 1048576).toLocaleString("en", {minimumFractionDigits: 1, maximumFractionDigits: 1})} MiB`;

  function median(run) {
    const values = (run.curves.tokens_per_second?.mean || []).filter((v) => v !== null).sort((a, b) => a - b);
    return values.length === 0 ? undefined : values[values.length >> 1];
  }

  function label(runs) {
    const names = runs.map((run) => run.name);
    runs.forEach((run, i) => {
      run.label = names.indexOf(run.name) === names.lastIndexOf(run.name) ? run.name : `${run.name} (${i + 1})`;
    });
  }

  function status(run) {
    const kind = {diverged: "bad", failed: "bad", finished: "good"}[run.status] || "";
    return el("span", {class: `status ${kind}`}, run.status);
  }

  const swatch = (index) => {
    const mark = el("span", {class: "swatch", "aria-hidden": "true"});
    mark.style.background = `var(--c${index % 6})`;
    return mark;
  };

  function tile(name, text, small) {
    return el("div", {class: "tile"}, el("dt", null, name), el("dd", null, text, small ? el("small", null, small) : null));
  }

  function progress(run) {
    const left = run.total_steps - run.steps;
    const remaining = run.status === "running" && data.live && left > 0 ? `, about ${duration((left * run.ms_per_step) / 1000)} left` : "";
    const text = `Step ${integer(run.steps)} of ${integer(run.total_steps)}, epoch ${integer(run.epoch)}${remaining}`;
    return run.steps === undefined ? el("p", {class: "quiet"}, "No step yet.") : [
      el("p", {class: "quiet"}, text),
      el("progress", {max: run.total_steps, value: run.steps, "aria-label": text}),
    ];
  }

  function overview(runs) {
    if (several) {
      const columns = ["run", "status", "steps", "training loss", "validation loss", "best", "tokens/s"];
      return table(
        "Runs",
        columns.map((name, i) => el("th", {scope: "col", class: i > 1 ? "number" : null}, name)),
        runs.map((run, i) => [
          el("th", {scope: "row"}, swatch(i), run.label),
          el("td", {class: "word"}, run.status),
          el("td", {class: "number"}, integer(run.steps)),
          el("td", {class: "number"}, value(run.loss)),
          el("td", {class: "number"}, value(run.val_loss)),
          el("td", {class: "number"}, value(run.best_val_loss)),
          el("td", {class: "number"}, value(median(run))),
        ]),
      );
    }
    const run = runs[0];
    return [
      progress(run),
      el(
        "dl",
        {class: "tiles"},
        tile("Training loss", value(run.loss)),
        tile("Validation loss", value(run.val_loss), run.best_step === undefined ? null : `best ${value(run.best_val_loss)} at step ${integer(run.best_step)}`),
        tile("Tokens per second", value(median(run)), "median"),
        tile("Tokens seen", value(run.tokens)),
        tile("Time in steps", duration(run.training_seconds)),
        tile("Parameters", value(run.parameters)),
      ),
    ];
  }

  function table(caption, head, rows, kind) {
    return el(
      "div",
      {class: "wide", tabindex: "0", role: "region", "aria-label": caption},
      el("table", {class: kind}, el("caption", {class: "hidden"}, caption), el("thead", null, el("tr", null, head)), el("tbody", null, rows.map((row) => (row instanceof Node ? row : el("tr", null, row))))),
    );
  }

  function controls() {
    const shown = el("output", {for: "smoothing"}, Curves.state.smoothing.toFixed(2));
    return el(
      "fieldset",
      {class: "controls"},
      el("legend", {class: "hidden"}, "How the curves are drawn"),
      el("label", null, "Over ", el("select", {id: "axis", onchange: (event) => { Curves.state.axis = event.target.value; Curves.state.zoom = null; Charts.show(data.runs); }}, el("option", {value: "step"}, "steps"), el("option", {value: "tokens"}, "tokens"))),
      el("label", null, "Smoothing ", el("input", {id: "smoothing", type: "range", min: "0", max: "0.99", step: "0.01", value: Curves.state.smoothing, oninput: (event) => { Curves.state.smoothing = Number(event.target.value); shown.textContent = Curves.state.smoothing.toFixed(2); Charts.show(data.runs); }}), shown),
      el("span", {class: "buttons"}, el("button", {type: "button", onclick: () => Charts.zoom(0.5)}, "Zoom in"), el("button", {type: "button", onclick: () => Charts.zoom(2)}, "Zoom out"), el("button", {type: "button", onclick: () => Charts.reset()}, "Show all")),
    );
  }

  function panel(spec) {
    const log = el("input", {type: "checkbox"});
    const place = el("div", {class: "plot", tabindex: "0", role: "group", "aria-roledescription": "chart"});
    const numbers = el("table");
    const details = el("details", null, el("summary", null, "Numbers"), el("div", {class: "wide", tabindex: "0", role: "region", "aria-label": `${spec.title}, numbers`}, numbers));
    const figure = el("figure", null, el("figcaption", null, el("h3", null, spec.title), el("label", null, log, "log scale")), place, details);
    Charts.panels.push(new Charts.Panel(spec, {place, table: numbers, log, details}));
    return figure;
  }

  /** One sample at a time, chosen by a slider that stays at the newest until it is moved. */
  function samples(run, index) {
    const text = el("pre");
    const when = el("output", {class: "quiet"});
    const slider = el("input", {type: "range", min: "0", step: "1", "aria-label": `Sample of ${run.label}, by time`});
    const list = el("div");
    let count = 0;
    const show = () => {
      const sample = data.runs[index].samples[Number(slider.value)];
      when.textContent = `step ${integer(sample.step)}, epoch ${sample.epoch}`;
      slider.setAttribute("aria-valuetext", when.textContent);
      text.textContent = sample.text.trimEnd();
    };
    slider.addEventListener("input", show);
    const renew = (runs) => {
      const all = runs[index].samples;
      const newest = count === 0 || Number(slider.value) === count - 1;
      const at = slider.value;
      slider.max = String(Math.max(0, all.length - 1));
      slider.value = newest ? slider.max : at;
      slider.hidden = all.length < 2;
      if (all.length > 0) {
        show();
      } else {
        text.textContent = "No samples.";
      }
      if (all.length !== count) {
        list.replaceChildren(...all.map((sample) => el("section", null, el("h4", {class: "quiet"}, `Step ${integer(sample.step)}, epoch ${sample.epoch}`), el("pre", null, sample.text.trimEnd()))));
      }
      count = all.length;
    };
    renewals.push(renew);
    renew(data.runs);
    return el("article", {class: "sample"}, el("header", null, several ? el("h3", null, swatch(index), run.label) : null, when, slider), text, el("details", null, el("summary", null, "All samples"), list));
  }

  /** Settings by name, a column for each run. */
  function settings(caption, key, only) {
    const rows = data.runs.map((run) => new Map((run[key] || []).map((row) => [row.key, row])));
    const names = [...new Set(rows.flatMap((map) => [...map.keys()]))];
    if (names.length === 0) {
      return el("p", {class: "quiet"}, "Not recorded.");
    }
    const origins = data.runs.some((run) => (run[key] || []).some((row) => row.origin));
    const content = names.map((name) => {
      const cells = rows.map((map) => map.get(name));
      const different = new Set(cells.map((row) => (row ? row.value : undefined))).size > 1;
      const line = el("tr", {class: different ? "different" : "same"}, el("th", {scope: "row"}, name));
      cells.forEach((row) => {
        const shown = row && (name.endsWith("_bytes") ? bytes(Number(row.value)) : row.value);
        line.append(el("td", null, row ? shown : "–", several && row?.origin ? el("small", null, row.origin) : null));
        if (!several && origins) {
          line.append(el("td", {class: "quiet"}, row.origin || ""));
        }
      });
      line.hidden = only && !different;
      return line;
    });
    const heads = ["", ...(several ? data.runs.map((run) => run.label) : origins ? ["value", "from"] : ["value"])];
    const whole = table(caption, heads.map((name) => el("th", {scope: "col"}, name)), content);
    if (!several) {
      return whole;
    }
    const box = el("input", {type: "checkbox", checked: only, onchange: () => content.forEach((line) => (line.hidden = box.checked && !line.classList.contains("different")))});
    return [el("p", null, el("label", null, box, " only what differs")), whole];
  }

  function memory(run, index) {
    if (!run.memory) {
      return el("p", {class: "quiet"}, several ? `${run.label}: not recorded.` : "Not recorded.");
    }
    const total = run.memory.total_bytes;
    const rows = run.memory.entries.map((entry) => {
      const bar = el("div", {class: "bar", "aria-hidden": "true"});
      bar.style.width = `${(100 * entry.bytes) / Math.max(1, total)}%`;
      return [el("th", {scope: "row"}, entry.role), el("td", {class: "number"}, bytes(entry.bytes)), el("td", null, entry.detail ? el("small", null, entry.detail) : null, bar)];
    });
    rows.push(el("tr", {class: "total"}, el("th", {scope: "row"}, "total"), el("td", {class: "number"}, bytes(total)), el("td")));
    const heads = ["for", "size", "share"].map((name, i) => el("th", {scope: "col", class: i === 1 ? "number" : null}, name));
    return el("div", null, several ? el("h3", null, swatch(index), run.label) : null, table(`Memory of ${run.label}`, heads, rows, "bars"));
  }

  function warnings(runs) {
    const all = runs.flatMap((run) => run.warnings.map((warning) => el("li", null, `${several ? `${run.label}, step` : "Step"} ${integer(warning.step)}: ${warning.message}`)));
    return all.length === 0 ? [] : [el("h2", null, "Warnings"), el("ul", {class: "notes"}, all)];
  }

  function build() {
    const spoken = el("p", {class: "hidden", role: "status"});
    const notice = el("p", {class: "quiet", role: "status", id: "notice"});
    Charts.speak((text) => (spoken.textContent = text));
    page.append(
      renewed(el("header", {class: "heading"}), (runs) => [
        el("h1", null, several ? `${runs.length} runs` : runs[0].label),
        several ? null : status(runs[0]),
        several ? null : el("span", {class: "quiet"}, runs[0].device || ""),
      ]),
      notice,
      renewed(el("div"), overview),
      el("h2", null, "Curves"),
      controls(),
      el("div", {class: "charts"}, Curves.PANELS.map(panel)),
      spoken,
      renewed(el("section"), warnings),
      el("h2", null, "Samples"),
      el("div", {class: "runs"}, data.runs.map(samples)),
      el("h2", null, "Configuration"),
      ...[settings("Configuration", "config", several)].flat(),
      el("h2", null, "Environment"),
      ...[settings("Environment", "environment", several)].flat(),
      el("h2", null, "Memory"),
      el("div", {class: "runs"}, data.runs.map(memory)),
      el("footer", null, `Written by gpt-java ${data.written.replace("T", " ").replace("Z", " UTC")}. Curves by uPlot.`),
    );
    Charts.show(data.runs);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => Charts.show(data.runs, true));
    return notice;
  }

  /** Asks for news until the run is over; the server answers when there are some. */
  async function follow(notice) {
    notice.textContent = "Live: this page follows the run.";
    for (;;) {
      let news;
      try {
        const answer = await fetch(`data?after=${data.runs[0].version}`, {cache: "no-store"});
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        news = await answer.json();
      } catch {
        notice.textContent = "The run no longer serves this page. The whole report is report.html in the run's folder.";
        return;
      }
      label(news.runs);
      data.runs = news.runs;
      renewals.forEach((renew) => renew(data.runs));
      Charts.show(data.runs);
      if (data.runs[0].ended) {
        notice.textContent = "The run is over. The whole report is report.html in its folder.";
        return;
      }
    }
  }

  label(data.runs);
  document.title = several ? `${data.runs.length} runs: ${data.title}` : data.title;
  const notice = build();
  document.documentElement.dataset.ready = "true";
  if (data.live) {
    follow(notice);
  } else {
    notice.remove();
  }
})();
