"use strict";

/** What the panels draw, from the numbers of the runs: lines and their names. */
const Curves = (() => {
  const PANELS = [
    {
      title: "Loss",
      curves: [
        {key: "loss", name: "training", smooth: true},
        {key: "val_loss", name: "validation", dash: [10, 4, 2, 4]},
        {key: "eval_train_loss", name: "training, evaluated", dash: [3, 3], alone: true},
      ],
    },
    {title: "Learning rate", curves: [{key: "lr", name: "learning rate"}]},
    {title: "Gradient norm", curves: [{key: "grad_norm", name: "gradient norm", smooth: true}]},
    {title: "Throughput", curves: [{key: "tokens_per_second", name: "tokens per second", smooth: true}]},
  ];
  const AXES = {step: "step", tokens: "tokens"};

  /** What all panels share; zoom is a range of x, or null for all of it. */
  const state = {axis: "step", smoothing: 0.6, zoom: null};

  function number(value) {
    if (value === null || value === undefined || Number.isNaN(value)) {
      return "–";
    }
    const size = Math.abs(value);
    if (size >= 1e6) {
      return `${Number((value / 1e6).toPrecision(4))} M`;
    }
    if (size >= 1000) {
      return Math.round(value).toLocaleString("en");
    }
    return size !== 0 && size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  }

  /** Exponential moving average, corrected for its start at nothing. */
  function smoothed(values, weight) {
    let sum = 0;
    let norm = 0;
    return values.map((value) => {
      if (value === null) {
        return null;
      }
      sum = weight * sum + (1 - weight) * value;
      norm = weight * norm + (1 - weight);
      return sum / norm;
    });
  }

  /** The lines of a panel: x, y, how they look, and their names. */
  function lines(spec, runs, log) {
    const several = runs.length > 1;
    const positive = (values) => (log ? values.map((v) => (v !== null && v > 0 ? v : null)) : values);
    const all = [];
    runs.forEach((run, r) =>
      spec.curves.forEach((curve, c) => {
        const data = run.curves[curve.key];
        if (!data || (several && curve.alone)) {
          return;
        }
        const own = several ? r : c;
        const name = several ? (spec.curves.length > 1 ? `${run.label}, ${curve.name}` : run.label) : curve.name;
        const x = data[state.axis];
        const smooth = curve.smooth && state.smoothing > 0;
        if (data.low) {
          all.push({name, x, y: positive(data.high), own, band: "high"});
          all.push({name, x, y: positive(data.low), own, band: "low"});
        }
        all.push({name, x, y: positive(data.mean), own, dash: curve.dash, raw: smooth, hidden: smooth && several});
        if (smooth) {
          all.push({name: several ? name : `${name}, smoothed`, x, y: positive(smoothed(data.mean, state.smoothing)), own});
        }
      }),
    );
    return all;
  }

  /** The index nearest to one that has a value. */
  function nearest(values, near) {
    for (let away = 0; away < values.length; away++) {
      for (const index of [near - away, near + away]) {
        if (values[index] !== null && values[index] !== undefined) {
          return index;
        }
      }
    }
    return near;
  }

  return {PANELS, AXES, state, number, lines, nearest};
})();
