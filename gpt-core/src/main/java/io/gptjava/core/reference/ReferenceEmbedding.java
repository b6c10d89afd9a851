package io.gptjava.core.reference;

import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;

/** Token and position embedding. */
final class ReferenceEmbedding {
  private final HostStepControl control;

  ReferenceEmbedding(HostStepControl control) {
    this.control = control;
  }

  void forward(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    int sequence = (int) tokens.size(-1);
    long rows = tokens.count();
    long width = wte.size(-1);
    checkPositions(firstPosition, sequence, wpe);
    Elements ids = Elements.ints("tokens", tokens, rows);
    Elements token = Elements.floats("wte", wte, wte.rows(), width);
    Elements position = Elements.floats("wpe", wpe, wpe.rows(), width);
    Elements y = Elements.floats("out", out, rows, width);
    Mask mask = new Mask(dropout, control);
    for (long row = 0; row < rows; row++) {
      long id = checkId(ids.getInt(row), wte);
      long place = firstPosition + row % sequence;
      for (long c = 0; c < width; c++) {
        double sum = token.get(id * width + c) + position.get(place * width + c);
        y.set(row * width + c, sum * mask.row(row, sequence, c, width));
      }
    }
  }

  void backward(
      Tensor tokens,
      Tensor dOut,
      Dropout dropout,
      Tensor dWte,
      boolean accumulateWte,
      Tensor dWpe,
      boolean accumulateWpe) {
    int sequence = (int) tokens.size(-1);
    long rows = tokens.count();
    int width = (int) dWte.size(-1);
    checkPositions(0, sequence, dWpe);
    Elements ids = Elements.ints("tokens", tokens, rows);
    Elements dY = Elements.floats("dOut", dOut, rows, width);
    Elements dToken = Elements.floats("dWte", dWte, dWte.rows(), width);
    Elements dPosition = Elements.floats("dWpe", dWpe, dWpe.rows(), width);
    Mask mask = new Mask(dropout, control);
    double[] tokenSums = start(dToken, dWte.count(), accumulateWte);
    double[] positionSums = start(dPosition, dWpe.count(), accumulateWpe);
    for (long row = 0; row < rows; row++) {
      int id = checkId(ids.getInt(row), dWte);
      int place = (int) (row % sequence);
      for (int c = 0; c < width; c++) {
        double g = dY.get(row * width + c) * mask.row(row, sequence, c, width);
        tokenSums[id * width + c] += g;
        positionSums[place * width + c] += g;
      }
    }
    finish(dToken, tokenSums);
    finish(dPosition, positionSums);
  }

  private static double[] start(Elements tensor, long count, boolean accumulate) {
    double[] sums = new double[Math.toIntExact(count)];
    for (int i = 0; accumulate && i < sums.length; i++) {
      sums[i] = tensor.get(i);
    }
    return sums;
  }

  private static void finish(Elements tensor, double[] sums) {
    for (int i = 0; i < sums.length; i++) {
      tensor.set(i, sums[i]);
    }
  }

  private static int checkId(int id, Tensor table) {
    if (id < 0 || id >= table.rows()) {
      throw new IllegalArgumentException("token " + id + " is not in [0, " + table.rows() + ")");
    }
    return id;
  }

  private static void checkPositions(int first, int sequence, Tensor table) {
    if (first < 0 || first + (long) sequence > table.rows()) {
      throw new IllegalArgumentException(
          "positions %d to %d of %d".formatted(first, first + (long) sequence, table.rows()));
    }
  }
}
