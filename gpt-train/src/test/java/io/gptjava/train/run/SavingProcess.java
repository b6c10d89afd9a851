package io.gptjava.train.run;

import io.gptjava.core.GptConfig;
import io.gptjava.core.GptException;
import io.gptjava.core.OptimizerState;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.model.ParameterLayout;
import java.nio.file.Path;

/**
 * A process that continues a run and saves after every step until it is killed; each checkpoint is
 * told on standard output once it is complete. Every second one is saved twice, so that replacing
 * is interrupted too.
 */
final class SavingProcess {
  static final GptConfig CONFIG = new GptConfig(1000, 64, 128, 4, 4, 0.1f, false, false);

  private SavingProcess() {}

  public static void main(String[] arguments) {
    ParameterLayout layout = new ParameterLayout(CONFIG);
    long last = Long.parseLong(arguments[1]);
    try (RunFolder run = RunFolder.open(Path.of(arguments[0]));
        FakeBackend backend = new FakeBackend(false)) {
      CheckpointStore store = new CheckpointStore(run);
      OptimizerState state = backend.state(layout);
      long start = Checkpoints.latest(run.path()).orElse(0);
      try (RunLog log = RunLog.resume(run.path(), start, false)) {
        for (long step = start + 1; step <= last; step++) {
          log.on(new TrainingEvent.Step(step - 1, 1, step - 1, 1, 1, 1, false, step, 1, 1));
          backend.fill(layout, state, step);
          for (long repeat = 0; repeat <= step % 2; repeat++) {
            store.save(backend, layout, state, CheckpointStoreTest.info(step, Double.NaN), 3);
          }
          System.out.println(step);
        }
      }
    } catch (GptException e) {
      System.out.println(e.failure() + " " + e.getMessage());
    }
  }
}
