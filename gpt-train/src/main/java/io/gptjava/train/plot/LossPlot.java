package io.gptjava.train.plot;

import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.train.TrainingEvent;
import io.gptjava.train.run.RunHistory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * Charts of runs over epochs, with the tokens seen on a second axis at the top: losses (training
 * solid, validation dash-dotted) and learning rate.
 */
public final class LossPlot {
  private static final List<String> ENDINGS = List.of("svg", "png", "pdf");

  private LossPlot() {}

  /**
   * The losses of one or more runs: those of the evaluations, or of the steps where a run has none.
   */
  public static Chart losses(List<RunHistory> runs) {
    List<Curve> curves = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      RunHistory run = runs.get(i);
      String prefix = runs.size() == 1 ? "" : run.name() + ": ";
      if (run.evaluations().isEmpty()) {
        curves.add(steps(run, prefix + "training loss", i, TrainingEvent.Step::loss));
      } else {
        curves.add(
            evaluations(
                run, prefix + "training loss", i, true, TrainingEvent.Evaluated::trainLoss));
        curves.add(
            evaluations(
                run,
                prefix + "validation loss",
                i,
                false,
                TrainingEvent.Evaluated::validationLoss));
      }
    }
    return ChartStyle.chart("Loss", capitalise(curves, runs.size()), runs);
  }

  /** The learning rate of each step of one or more runs. */
  public static Chart learningRates(List<RunHistory> runs) {
    List<Curve> curves = new ArrayList<>();
    for (int i = 0; i < runs.size(); i++) {
      String name = runs.size() == 1 ? "Learning rate" : runs.get(i).name();
      curves.add(steps(runs.get(i), name, i, TrainingEvent.Step::learningRate));
    }
    return ChartStyle.chart("Learning rate", curves, runs);
  }

  /**
   * Writes {@code loss} and {@code learning-rate} as SVG, PNG and PDF into a folder.
   *
   * @throws GptException with {@link Failure#DEVICE} if this machine cannot draw (no fonts, no
   *     graphics library), or as {@link Chart#write}
   */
  public static void draw(RunHistory run, Path folder) {
    try {
      Chart losses = losses(List.of(run));
      Chart rates = learningRates(List.of(run));
      for (String ending : ENDINGS) {
        losses.write(folder.resolve("loss." + ending));
        rates.write(folder.resolve("learning-rate." + ending));
      }
    } catch (GptException e) {
      throw e;
    } catch (RuntimeException | LinkageError | InternalError e) {
      throw new GptException(
          Failure.DEVICE,
          "%s; install fonts (fontconfig and any TrueType font), then: gpt plot %s"
              .formatted(e.getMessage() == null ? e.toString() : e.getMessage(), folder),
          e);
    }
  }

  /**
   * {@link #draw} for the end of a run, which is worth more than its pictures: whatever goes wrong
   * comes back as text.
   *
   * @return why a chart is missing; empty if all are there
   */
  public static Optional<String> write(RunHistory run, Path folder) {
    try {
      draw(run, folder);
      return Optional.empty();
    } catch (GptException e) {
      return Optional.of("No charts: " + e.getMessage());
    }
  }

  private static List<Curve> capitalise(List<Curve> curves, int runs) {
    if (runs > 1) {
      return curves;
    }
    return curves.stream()
        .map(c -> c.named(Character.toUpperCase(c.name().charAt(0)) + c.name().substring(1)))
        .toList();
  }

  private static Curve steps(
      RunHistory run, String name, int colour, ToDoubleFunction<TrainingEvent.Step> value) {
    Curve curve = new Curve(name, colour, true, new ArrayList<>());
    for (TrainingEvent.Step step : run.steps()) {
      curve.add(run.epochsAfter(step.step()), value.applyAsDouble(step));
    }
    return curve;
  }

  private static Curve evaluations(
      RunHistory run,
      String name,
      int colour,
      boolean solid,
      ToDoubleFunction<TrainingEvent.Evaluated> value) {
    Curve curve = new Curve(name, colour, solid, new ArrayList<>());
    for (TrainingEvent.Evaluated evaluation : run.evaluations()) {
      curve.add(run.epochsAfter(evaluation.step()), value.applyAsDouble(evaluation));
    }
    return curve;
  }
}
