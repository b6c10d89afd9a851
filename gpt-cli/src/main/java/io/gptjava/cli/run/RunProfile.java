package io.gptjava.cli.run;

import io.gptjava.benchmarks.StepTimeline;
import io.gptjava.benchmarks.TrainingProfiler;
import io.gptjava.cli.GptVersion;
import io.gptjava.core.Backend;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.run.BuildCommit;
import io.gptjava.train.run.DurableFiles;
import io.gptjava.train.run.Environment;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The profile of a run, if it was asked for; otherwise the run does not know of it. */
final class RunProfile implements AutoCloseable {
  private static final String FILE = "trace.json";

  private final Backend plain;
  private final Optional<TrainingProfiler> profiler;

  /** Profiles a run on a backend, which stays open when this is closed. */
  RunProfile(boolean wanted, Backend backend) {
    plain = backend;
    profiler = wanted ? Optional.of(new TrainingProfiler(backend)) : Optional.empty();
  }

  /** What the run is to use. */
  Backend backend() {
    return profiler.map(TrainingProfiler::backend).orElse(plain);
  }

  /** The run's listeners. */
  List<TrainingListener> listeners(TrainingListener console) {
    return profiler
        .<List<TrainingListener>>map(each -> List.of(each, console))
        .orElse(List.of(console));
  }

  /** Prints where the time went and writes a step's timeline into the run's folder. */
  void write(Path folder, PrintStream out) {
    Optional<StepTimeline> timeline = profiler.flatMap(TrainingProfiler::timeline);
    if (timeline.isEmpty()) {
      return;
    }
    Path file = folder.resolve(FILE);
    Environment environment =
        Environment.current(GptVersion.number(), BuildCommit.read(), plain.description());
    String trace = timeline.get().chromeTrace("training step", environment).toString();
    try {
      DurableFiles.replace(file, trace.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw DurableFiles.cannotWrite(file, "free some space", e);
    }
    out.print(profiler.get().table());
    out.println("Timeline: " + file + " (opens in Perfetto and chrome://tracing)");
  }

  @Override
  public void close() {
    profiler.ifPresent(TrainingProfiler::close);
  }
}
