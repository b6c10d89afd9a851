package io.gptjava.cli.run;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.core.Backend;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.Trainer;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.run.Checkpoints;
import io.gptjava.train.run.RunHistory;
import io.gptjava.train.run.TrainingRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/** Trains twice, once with a stop in the middle, and compares everything that is left. */
public final class ResumeProof {
  private static final List<String> FILES =
      List.of("model.safetensors", "optimizer.safetensors", "trainer.json");

  private final CliContext context;
  private final ResolvedSettings settings;
  private final TrainConfig config;
  private final int half;

  /**
   * A proof.
   *
   * @param config of a run of {@code 2 · half} steps
   */
  public ResumeProof(CliContext context, ResolvedSettings settings, TrainConfig config, int half) {
    this.context = context;
    this.settings = settings;
    this.config = config;
    this.half = half;
  }

  /** Runs it; 0 if the results are the same, 1 if not. */
  public int run() {
    Path folder = temporaryFolder();
    try {
      Path whole = folder.resolve("whole");
      Path parts = folder.resolve("parts");
      context.out().println("Training %d steps at once …".formatted(2 * half));
      train(whole, false, 2L * half);
      context.out().println("Training %d steps, then stopping …".formatted(half));
      train(parts, false, half);
      context.out().println("Resuming for %d more …".formatted(half));
      train(parts, true, 2L * half);
      return compare(whole, parts);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      delete(folder);
    }
  }

  private void train(Path folder, boolean resume, long until) {
    AtomicReference<Trainer> trainer = new AtomicReference<>();
    TrainingListener stopper =
        event -> {
          if (event instanceof TrainingEvent.Step step && step.step() + 1 == until) {
            trainer.get().requestStop();
          }
        };
    try (Backend backend = BackendChoice.of(settings, context.environment()).open();
        TrainingRun run =
            resume
                ? TrainingRun.resume(
                    backend, config, folder, OptionalLong.empty(), List.of(stopper))
                : TrainingRun.create(
                    backend, config, RunSettings.toJson(settings), folder, List.of(stopper))) {
      trainer.set(run.trainer());
      run.train();
    }
  }

  private int compare(Path whole, Path parts) throws IOException {
    Path first = Checkpoints.folder(whole, 2L * half);
    Path second = Checkpoints.folder(parts, 2L * half);
    boolean same = true;
    for (String file : FILES) {
      long differs = Files.mismatch(first.resolve(file), second.resolve(file));
      context
          .out()
          .println(
              "%-22s %s".formatted(file, differs < 0 ? "identical" : "differs at byte " + differs));
      same &= differs < 0;
    }
    List<Double> losses = losses(whole);
    boolean sameLosses = losses.equals(losses(parts)) && losses.size() == 2 * half;
    context
        .out()
        .println("%-22s %s".formatted("logged losses", sameLosses ? "identical" : "differ"));
    context
        .out()
        .println(
            same && sameLosses
                ? "%d + %d steps = %d steps, bit for bit".formatted(half, half, 2 * half)
                : "Resuming changed the result.");
    return same && sameLosses ? 0 : 1;
  }

  private static List<Double> losses(Path run) {
    return RunHistory.read(run).steps().stream().map(TrainingEvent.Step::loss).toList();
  }

  private static Path temporaryFolder() {
    Path runs = Path.of("runs");
    try {
      Files.createDirectories(runs);
      return Files.createTempDirectory(runs, "verify-resume-");
    } catch (IOException e) {
      throw new GptException(
          Failure.CAPACITY,
          "No folder can be made below %s: %s; run this where you can write"
              .formatted(runs.toAbsolutePath(), e.getMessage()),
          e);
    }
  }

  private static void delete(Path folder) {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
