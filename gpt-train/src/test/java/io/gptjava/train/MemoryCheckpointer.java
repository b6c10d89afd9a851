package io.gptjava.train;

import io.gptjava.core.OptimizerState;
import io.gptjava.core.Tensor;
import io.gptjava.train.model.GptModel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Keeps the newest state of a run in memory, and all that were saved by their numbers. */
final class MemoryCheckpointer implements Checkpointer {
  private final GptModel model;
  private final OptimizerState optimizer;
  private final List<TrainerState> saved = new ArrayList<>();
  private TrainerState state;
  private double validationLoss = Double.NaN;
  private List<float[]> values;

  /** Begins with the model as it is. */
  MemoryCheckpointer(GptModel model, TrainerState state) {
    this.model = model;
    this.state = state;
    optimizer = model.optimizerState(true);
    values = copy();
  }

  /** What was saved, oldest first. */
  List<TrainerState> saved() {
    return saved;
  }

  private List<Tensor> tensors() {
    return List.of(optimizer.parameters(), optimizer.firstMoment(), optimizer.secondMoment());
  }

  private List<float[]> copy() {
    return tensors().stream().map(t -> t.segment().toArray(ValueLayout.JAVA_FLOAT)).toList();
  }

  @Override
  public Path save(TrainerState newState, double newValidationLoss) {
    state = newState;
    validationLoss = newValidationLoss;
    values = copy();
    saved.add(newState);
    return Path.of("step-" + newState.step());
  }

  @Override
  public Optional<Restored> restore() {
    for (int i = 0; i < values.size(); i++) {
      tensors().get(i).segment().copyFrom(MemorySegment.ofArray(values.get(i)));
    }
    model.mastersChanged();
    return Optional.of(new Restored(state, validationLoss));
  }
}
