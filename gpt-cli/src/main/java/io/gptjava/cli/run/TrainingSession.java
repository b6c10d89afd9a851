package io.gptjava.cli.run;

import io.gptjava.cli.CliContext;
import io.gptjava.cli.ShellWords;
import io.gptjava.cli.config.BackendChoice;
import io.gptjava.cli.config.ResolvedSettings;
import io.gptjava.cli.config.TrainConfigs;
import io.gptjava.cli.console.Consoles;
import io.gptjava.core.Backend;
import io.gptjava.core.tokenizer.Gpt2Tokenizer;
import io.gptjava.train.Trainer;
import io.gptjava.train.TrainingListener;
import io.gptjava.train.config.BatchConfig;
import io.gptjava.train.config.TrainConfig;
import io.gptjava.train.data.Datasets;
import io.gptjava.train.model.ModelSize;
import io.gptjava.train.run.MemoryByLayer;
import io.gptjava.train.run.Metrics;
import io.gptjava.train.run.TrainingRun;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** A training run with a person in front of it: console, Ctrl-C, what to do next. */
public final class TrainingSession {
  private final CliContext context;
  private ResolvedSettings settings;
  private TrainConfig config;

  /** A session. */
  public TrainingSession(CliContext context, ResolvedSettings settings, TrainConfig config) {
    this.context = context;
    this.settings = settings;
    this.config = config;
  }

  /**
   * Trains from the beginning.
   *
   * @param out folder of the run, which must not exist
   * @return exit code: 0, or 128 + signal
   */
  public int train(Path out) {
    try (LivePage page = LivePage.open(settings.integer("watch"), context.err());
        Backend backend = openWithRoom();
        RunProfile profile = new RunProfile(settings.flag("profile"), backend);
        TrainingRun run =
            TrainingRun.create(
                profile.backend(),
                config,
                RunSettings.toJson(settings),
                out,
                profile.listeners(console()))) {
      return go(profile, run, page);
    }
  }

  /**
   * Goes on with a run.
   *
   * @param step checkpoint to continue from; empty for the newest
   * @return exit code: 0, or 128 + signal
   */
  public int resume(Path folder, OptionalLong step) {
    try (LivePage page = LivePage.open(settings.integer("watch"), context.err());
        Backend backend = openWithRoom();
        RunProfile profile = new RunProfile(settings.flag("profile"), backend);
        TrainingRun run =
            TrainingRun.resume(
                profile.backend(), config, folder, step, profile.listeners(console()))) {
      return go(profile, run, page);
    }
  }

  /** Prints the configuration, the data's figures and what the run needs in memory. */
  public int dryRun() {
    try (Backend backend = open()) {
      chooseBatch(backend);
      dryRun(backend);
    }
    return 0;
  }

  private void dryRun(Backend backend) {
    PrintStream out = context.out();
    settings
        .recorded()
        .forEach(
            (key, recorded) ->
                out.printf(
                    Locale.ROOT,
                    "%-26s %-28s %s%n",
                    key,
                    String.join(" ", recorded.values()),
                    recorded.origin()));
    out.println();
    BatchConfig batch = config.batch();
    try (Datasets data =
        Datasets.load(
            config.data(),
            batch.sequenceLength(),
            settings.has("sequence-length") ? "--sequence-length" : "--context-length",
            batch.batchSize(),
            config.seed(),
            new Gpt2Tokenizer())) {
      RunHeader.print(out, backend, config, data);
      out.println("Memory:");
      out.print(RunMemory.ledger(backend, config).table());
      out.println("By layer, MiB:");
      out.print(MemoryByLayer.of(backend.ops(), ModelSize.of(config)).table());
      RunMemory.available(backend)
          .ifPresent(
              bytes -> out.print(RunMemory.largestBatches(backend, ModelSize.of(config), bytes)));
    }
  }

  /** Settles the micro-batch, if that is left to the program. */
  private void chooseBatch(Backend backend) {
    if (TrainConfigs.choosesBatch(settings)) {
      AutomaticBatch choice = AutomaticBatch.choose(backend, config);
      config = choice.applied(config);
      settings = choice.applied(settings);
      if (!silent()) {
        context.out().println(choice);
      }
    }
  }

  private Backend open() {
    Backend backend = BackendChoice.of(settings, context.environment()).open();
    backend
        .caution(config.precision())
        .ifPresent(caution -> context.err().println("warning: " + caution));
    return backend;
  }

  private Backend openWithRoom() {
    Backend backend = open();
    try {
      chooseBatch(backend);
      RunMemory.require(backend, settings, config);
      return backend;
    } catch (RuntimeException e) {
      backend.close();
      throw e;
    }
  }

  private boolean silent() {
    return settings.flag("json") || settings.flag("quiet");
  }

  private TrainingListener console() {
    if (settings.flag("json")) {
      return Consoles.json(context.out(), event -> Metrics.encode(event).map(Object::toString));
    }
    if (settings.flag("quiet")) {
      return Consoles.quiet(context.err());
    }
    return Consoles.text(
        settings.text("log-style"),
        context.out(),
        context.err(),
        context.terminal(),
        config.batch().accumulate());
  }

  private int go(RunProfile profile, TrainingRun run, LivePage page) {
    if (!silent()) {
      RunHeader.print(context.out(), profile.backend(), config, run.data());
    }
    page.show(run.report());
    if (!settings.flag("quiet")) {
      PrintStream console = silent() ? context.err() : context.out();
      page.address().ifPresent(address -> console.println("Live page: " + address));
    }
    Trainer.Outcome outcome;
    OptionalInt signal;
    try (Interrupts interrupts =
        new Interrupts(
            run.trainer()::requestStop, "Stopping after this step and saving", context.err())) {
      outcome = run.train();
      signal = interrupts.exitCode();
    }
    profile.write(run.path(), silent() ? context.err() : context.out());
    if (outcome == Trainer.Outcome.STOPPED) {
      context
          .err()
          .println(
              "Stopped after %d steps; resume with: %s"
                  .formatted(run.trainer().state().step(), command("resume", run)));
      return signal.orElse(0);
    }
    if (!silent()) {
      PrintStream out = context.out();
      out.println(
          "Run: %s (report.html, loss.svg, samples.txt, metrics.jsonl, checkpoints)"
              .formatted(run.path()));
      out.println(
          "Sample it with: " + command("generate", run, "--prompt", config.watch().samplePrompt()));
    }
    return 0;
  }

  private String command(String name, TrainingRun run, String... more) {
    List<String> words = new ArrayList<>(List.of(context.program(), name, run.path().toString()));
    words.addAll(List.of(more));
    return ShellWords.join(words.toArray(String[]::new));
  }
}
