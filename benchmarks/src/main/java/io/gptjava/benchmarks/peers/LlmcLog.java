package io.gptjava.benchmarks.peers;

import io.gptjava.benchmarks.Timing;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What llm.c's training programs print for each step. {@code train_gpt2} (CPU): {@code step 3:
 * train loss 4.1 (took 1234.5 ms)}. {@code train_gpt2cu}: {@code step 3/40 | loss 4.1 (+nanz)| norm
 * 15.3 (+nanz)| lr 3.00e-04 | 123.4 ms | 38.2% bf16 MFU | 53000 tok/s}.
 *
 * @param milliseconds of each step, in order
 * @param losses of each step
 */
record LlmcLog(List<Double> milliseconds, List<Double> losses) {
  private static final String NUMBER = "([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?|[-+]?nan|[-+]?inf)";
  private static final Pattern CPU =
      Pattern.compile("^step \\d+: train loss " + NUMBER + " \\(took " + NUMBER + " ms\\)");
  private static final Pattern CUDA =
      Pattern.compile(
          "^step +\\d+/\\d+ \\| (?:train )?loss " + NUMBER + ".*?\\| " + NUMBER + " ms \\|");

  /** Reads the lines of a run; others than those of steps are skipped. */
  static LlmcLog parse(List<String> lines) {
    List<Double> milliseconds = new ArrayList<>();
    List<Double> losses = new ArrayList<>();
    for (String line : lines) {
      for (Pattern pattern : List.of(CPU, CUDA)) {
        Matcher step = pattern.matcher(line);
        if (step.find()) {
          losses.add(number(step.group(1)));
          milliseconds.add(number(step.group(2)));
        }
      }
    }
    return new LlmcLog(milliseconds, losses);
  }

  private static double number(String text) {
    return switch (text.replaceAll("^[-+]", "")) {
      case "nan", "inf" -> Double.NaN;
      default -> Double.parseDouble(text);
    };
  }

  /**
   * Times without the first steps.
   *
   * @throws IllegalArgumentException if there are no more than those
   */
  Timing timing(int warmup) {
    if (milliseconds.size() <= warmup) {
      throw new IllegalArgumentException(
          "llm.c printed %d steps, %d of them to warm up".formatted(milliseconds.size(), warmup));
    }
    return Timing.of(milliseconds.subList(warmup, milliseconds.size()));
  }
}
