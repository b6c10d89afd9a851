package io.gptjava.train.formats;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Collects how the tensors of a file differ from those that a model's shape needs, and tells all of
 * it at once.
 */
public final class TensorCheck {
  private static final int SHOWN = 3;

  private final Path file;
  private final String shapeFile;
  private final List<String> missing = new ArrayList<>();
  private final List<String> unexpected = new ArrayList<>();
  private final List<String> mismatches = new ArrayList<>();

  /**
   * Nothing yet.
   *
   * @param file that has the tensors
   * @param shapeFile name of the one that says the shape
   */
  public TensorCheck(Path file, String shapeFile) {
    this.file = file;
    this.shapeFile = shapeFile;
  }

  /** A tensor that the file lacks. */
  public void missing(String name) {
    missing.add(name);
  }

  /**
   * A tensor that the model has no place for.
   *
   * @param name as the file has it; what would steer a terminal in it is not shown
   */
  public void unexpected(String name) {
    unexpected.add(ModelFiles.printable(name));
  }

  /**
   * A tensor's shape.
   *
   * @param left the model's
   * @param right the file's
   */
  public void shape(String name, List<Long> left, List<Long> right) {
    if (!left.equals(right)) {
      mismatches.add("%s: Shape mismatch. Left: %s, Right: %s".formatted(name, left, right));
    }
  }

  /**
   * Throws if anything differs.
   *
   * @throws io.gptjava.core.GptException with {@link io.gptjava.core.Failure#CHECKPOINT}
   */
  public void finish() {
    List<String> lines = new ArrayList<>();
    if (!mismatches.isEmpty()) {
      lines.add(
          "%s%s (left by %s, right in the file)"
              .formatted(mismatches.getFirst(), more(mismatches.size() - 1), shapeFile));
    }
    if (!missing.isEmpty()) {
      lines.add("it has no tensor " + names(missing));
    }
    if (!unexpected.isEmpty()) {
      lines.add(
          "%s %s not belong to the GPT-2 that %s describes"
              .formatted(names(unexpected), unexpected.size() == 1 ? "does" : "do", shapeFile));
    }
    if (!lines.isEmpty()) {
      throw ModelFiles.failure(file, String.join("\n", lines));
    }
  }

  private static String names(List<String> names) {
    int shown = Math.min(SHOWN, names.size());
    return String.join(", ", names.subList(0, shown)) + more(names.size() - shown);
  }

  private static String more(int count) {
    return count == 0 ? "" : " and %d more".formatted(count);
  }
}
