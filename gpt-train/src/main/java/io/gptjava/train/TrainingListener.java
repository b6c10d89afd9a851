package io.gptjava.train;

/** Hears what happens in a run: logs, plots, progress bars, early stopping. */
@FunctionalInterface
public interface TrainingListener {
  /** Called on the training thread, in order; what it throws ends the run. */
  void on(TrainingEvent event);
}
