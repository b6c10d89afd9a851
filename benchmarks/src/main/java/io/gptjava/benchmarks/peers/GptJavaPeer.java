package io.gptjava.benchmarks.peers;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.EnvironmentJson;
import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.Backends;
import io.gptjava.core.LossScale;
import io.gptjava.core.OptimizerState;
import io.gptjava.core.StepControl;
import io.gptjava.core.StepInputs;
import io.gptjava.train.config.Recompute;
import io.gptjava.train.data.Batch;
import io.gptjava.train.model.GptModel;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.BuildCommit;
import io.gptjava.train.run.Environment;
import io.gptjava.train.run.FlatParameters;
import io.gptjava.train.run.ModelFolder;
import java.io.IOException;

/** Ours, as one of the peers: a process with the arguments of {@link PeerTask#parse}. */
public final class GptJavaPeer {
  private static final long SEED = 1;

  private final StepControl control;
  private final GptModel model;
  private final OptimizerState state;
  private final Runnable update;
  private final Batch batch;

  GptJavaPeer(PeerTask task, Backend backend) {
    control = backend.stepControl();
    control.scaleLoss(task.precision().lossScaling(), LossScale.NONE);
    model =
        new GptModel(
            backend,
            new ModelSize(
                task.model(),
                task.precision(),
                Recompute.NONE,
                task.batch(),
                task.sequence(),
                true));
    try (ModelFolder folder = ModelFolder.open(task.folder().resolve(PeerTask.MODEL))) {
      folder.read(new FlatParameters(backend, model.layout(), model.masters()));
    }
    model.mastersChanged();
    state = model.optimizerState(true);
    update =
        backend.recording(
            () -> {
              model.clip(state);
              model.update(state, PeerTask.ADAM_W);
            });
    batch = new Batch(task.batch(), task.sequence());
    batch.samples(task.batch());
  }

  double step(int number, int[] inputs, int[] targets) {
    System.arraycopy(inputs, 0, batch.tokens(), 0, inputs.length);
    System.arraycopy(targets, 0, batch.targets(), 0, targets.length);
    control.begin(
        new StepInputs(
            SEED, number, PeerTask.learningRate(number), PeerTask.CLIP, 1, batch.targetCount()));
    control.microBatch(0);
    model.load(batch);
    model.forwardBackward(false);
    update.run();
    return control.readLater().get().loss();
  }

  /** Trains as it is told on standard input. */
  public static void main(String[] arguments) throws IOException {
    PeerTask task = PeerTask.parse(arguments);
    BackendOptions options =
        BackendOptions.DEFAULT
            .withThreads(task.threads())
            .withCache(task.folder().toAbsolutePath().resolve("cache"));
    try (Backend backend = Backends.open(task.device(), options)) {
      GptJavaPeer peer = new GptJavaPeer(task, backend);
      String version = GptJavaPeer.class.getPackage().getImplementationVersion();
      ObjectNode about = new ObjectMapper().createObjectNode();
      about.put("peer", "gpt-java").put("version", version);
      about.put("settings", backend.description());
      EnvironmentJson.put(
          about.putObject("environment"),
          Environment.current(version, BuildCommit.read(), backend.description()));
      new PeerServer(task, peer::step).serve(about, System.in, System.out);
    }
  }
}
