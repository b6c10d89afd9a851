package io.gptjava.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.HostStepControl;
import io.gptjava.core.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Token and position embedding. */
final class EmbeddingOps {
  private static final int STEP = Vectors.F.length();

  /** Rows that one forward task works through. */
  private static final int TASK_ROWS = 32;

  /** Columns of the gradients that one task owns: all rows in order, hence always the same sum. */
  private static final int TASK_COLUMNS = 128;

  private final WorkerPool pool;
  private final HostStepControl control;
  private final DropoutMask[] masks;
  private final RowScratch scratch;

  EmbeddingOps(WorkerPool pool, HostStepControl control, RowScratch scratch) {
    this.pool = pool;
    this.control = control;
    this.scratch = scratch;
    masks = DropoutMask.forWorkers(pool);
  }

  void embedding(
      Tensor tokens, Tensor wte, Tensor wpe, int firstPosition, Dropout dropout, Tensor out) {
    long rows = tokens.count();
    int sequence = (int) tokens.size(-1);
    int width = (int) wte.size(-1);
    MemorySegment ids = Operands.ints("tokens", tokens, rows);
    DType type = Operands.type("wte", wte);
    MemorySegment token = Operands.matrix("wte", wte, type, wte.rows(), width);
    MemorySegment position = Operands.matrix("wpe", wpe, type, wpe.rows(), width);
    MemorySegment y = Operands.matrix("out", out, type, rows, width);
    Operands.require(
        firstPosition >= 0 && firstPosition + (long) sequence <= wpe.rows(), "wpe", wpe);
    checkIds(ids, rows, wte);
    DropoutMask.begin(masks, dropout, control);
    long firstElement = (long) control.firstSample() * sequence * width;
    scratch.reserve(type == DType.BF16 ? width : 0);
    pool.run(
        Math.toIntExact((rows + TASK_ROWS - 1) / TASK_ROWS),
        (task, worker) -> {
          long end = Math.min(rows, (task + 1L) * TASK_ROWS);
          for (long row = (long) task * TASK_ROWS; row < end; row++) {
            long id = ids.getAtIndex(JAVA_INT, row);
            long place = firstPosition + row % sequence;
            long element = firstElement + row * width;
            if (type == DType.BF16) {
              addHalves(token, id, position, place, y, row, width, element, worker);
              continue;
            }
            long at = row * width * 4;
            add(token, id * width * 4, position, place * width * 4, y, at, width);
            drop(y, at, width, element, worker);
          }
        });
  }

  private void addHalves(
      MemorySegment tokens,
      long token,
      MemorySegment positions,
      long position,
      MemorySegment out,
      long row,
      int width,
      long element,
      int worker) {
    MemorySegment a = scratch.row(worker, 0);
    MemorySegment b = scratch.row(worker, 1);
    MemorySegment sum = scratch.row(worker, 2);
    long bytes = (long) width * HalfVectors.BYTES;
    HalfVectors.widen(tokens, token * bytes, a, 0, width);
    HalfVectors.widen(positions, position * bytes, b, 0, width);
    add(a, 0, b, 0, sum, 0, width);
    drop(sum, 0, width, element, worker);
    HalfVectors.narrow(sum, 0, out, row * bytes, width);
  }

  private void drop(MemorySegment y, long at, int width, long element, int worker) {
    if (masks[worker].active()) {
      int first = masks[worker].row(element, width);
      scale(y, at, masks[worker].factors(), first, width);
    }
  }

  void embeddingBackward(
      Tensor tokens,
      Tensor dOut,
      Dropout dropout,
      Tensor dWte,
      boolean accumulateWte,
      Tensor dWpe,
      boolean accumulateWpe,
      Tensor workspace) {
    long rows = tokens.count();
    int sequence = (int) tokens.size(-1);
    int width = (int) dWte.size(-1);
    MemorySegment ids = Operands.ints("tokens", tokens, rows);
    DType type = Operands.type("dOut", dOut);
    MemorySegment dy = Operands.matrix("dOut", dOut, type, rows, width);
    MemorySegment dToken = Operands.floats("dWte", dWte, dWte.rows(), width);
    MemorySegment dPosition = Operands.floats("dWpe", dWpe, dWpe.rows(), width);
    Operands.require(sequence <= dWpe.rows(), "dWpe", dWpe);
    checkIds(ids, rows, dWte);
    if (!accumulateWte) {
      ElementwiseOps.zero(pool, dToken);
    }
    if (!accumulateWpe) {
      ElementwiseOps.zero(pool, dPosition);
    }
    DropoutMask.begin(masks, dropout, control);
    long firstElement = (long) control.firstSample() * sequence * width;
    scratch.reserve(type == DType.BF16 ? TASK_COLUMNS : 0);
    pool.run(
        (width + TASK_COLUMNS - 1) / TASK_COLUMNS,
        (task, worker) -> {
          int column = task * TASK_COLUMNS;
          int columns = Math.min(TASK_COLUMNS, width - column);
          DropoutMask mask = masks[worker];
          for (long row = 0; row < rows; row++) {
            long element = row * width + column;
            MemorySegment from = dy;
            long at = element * 4;
            if (type == DType.BF16) {
              from = scratch.row(worker, 0);
              at = 0;
              HalfVectors.widen(dy, element * HalfVectors.BYTES, from, 0, columns);
            }
            long tokenAt = ((long) ids.getAtIndex(JAVA_INT, row) * width + column) * 4;
            long positionAt = (row % sequence * width + column) * 4;
            if (mask.active()) {
              int first = mask.row(firstElement + element, columns);
              scatter(
                  from, at, mask.factors(), first, dToken, tokenAt, dPosition, positionAt, columns);
            } else {
              accumulate(from, at, dToken, tokenAt, columns);
              accumulate(from, at, dPosition, positionAt, columns);
            }
          }
        });
  }

  /** Nothing: each task owns columns. */
  long embeddingBackwardWorkspace(int batch, int sequence, int width) {
    return 0;
  }

  private static void checkIds(MemorySegment ids, long rows, Tensor table) {
    for (long row = 0; row < rows; row++) {
      int id = ids.getAtIndex(JAVA_INT, row);
      if (id < 0 || id >= table.rows()) {
        throw new IllegalArgumentException(
            "token %d is not in [0, %d)".formatted(id, table.rows()));
      }
    }
  }

  private static void add(
      MemorySegment a, long atA, MemorySegment b, long atB, MemorySegment out, long at, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector sum = Vectors.load(a, atA + c * 4L).add(Vectors.load(b, atB + c * 4L));
      Vectors.store(sum, out, at + c * 4L);
    }
    for (int c = bound; c < count; c++) {
      float sum = a.get(JAVA_FLOAT, atA + c * 4L) + b.get(JAVA_FLOAT, atB + c * 4L);
      out.set(JAVA_FLOAT, at + c * 4L, sum);
    }
  }

  private static void scale(MemorySegment y, long at, float[] factors, int first, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector factor = FloatVector.fromArray(Vectors.F, factors, first + c);
      Vectors.store(Vectors.load(y, at + c * 4L).mul(factor), y, at + c * 4L);
    }
    for (int c = bound; c < count; c++) {
      y.set(JAVA_FLOAT, at + c * 4L, y.get(JAVA_FLOAT, at + c * 4L) * factors[first + c]);
    }
  }

  private static void accumulate(
      MemorySegment from, long at, MemorySegment to, long toAt, int count) {
    int bound = Vectors.F.loopBound(count);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector sum = Vectors.load(to, toAt + c * 4L).add(Vectors.load(from, at + c * 4L));
      Vectors.store(sum, to, toAt + c * 4L);
    }
    for (int c = bound; c < count; c++) {
      float sum = to.get(JAVA_FLOAT, toAt + c * 4L) + from.get(JAVA_FLOAT, at + c * 4L);
      to.set(JAVA_FLOAT, toAt + c * 4L, sum);
    }
  }

  /** Adds the gradient through dropout to a token's row and a position's row. */
  private static void scatter(
      MemorySegment from,
      long at,
      float[] factors,
      int first,
      MemorySegment a,
      long atA,
      MemorySegment b,
      long atB,
      int count) {
    int bound = Vectors.F.loopBound(count);
    for (int c = 0; c < bound; c += STEP) {
      FloatVector g =
          Vectors.load(from, at + c * 4L).mul(FloatVector.fromArray(Vectors.F, factors, first + c));
      Vectors.store(g.add(Vectors.load(a, atA + c * 4L)), a, atA + c * 4L);
      Vectors.store(g.add(Vectors.load(b, atB + c * 4L)), b, atB + c * 4L);
    }
    for (int c = bound; c < count; c++) {
      float g = from.get(JAVA_FLOAT, at + c * 4L) * factors[first + c];
      a.set(JAVA_FLOAT, atA + c * 4L, a.get(JAVA_FLOAT, atA + c * 4L) + g);
      b.set(JAVA_FLOAT, atB + c * 4L, b.get(JAVA_FLOAT, atB + c * 4L) + g);
    }
  }
}
