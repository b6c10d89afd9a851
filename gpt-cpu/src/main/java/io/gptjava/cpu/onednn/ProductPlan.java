package io.gptjava.cpu.onednn;

import io.gptjava.core.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A product of one shape made ready: its pieces, each with a primitive, memory objects and the
 * block of arguments that names them. A call only sets the memory's addresses.
 */
final class ProductPlan {
  /** {@code dnnl_exec_arg_t}: a number, padding, a handle. */
  private static final long ARGUMENT_BYTES = 16;

  private static final int SRC = 1;
  private static final int DST = 17;
  private static final int WEIGHTS = 33;
  private static final int BIAS = 41;
  private static final int SCRATCHPAD = 80;

  private final OneDnnApi api;
  private final Shape shape;
  private final Piece[] pieces;
  private final List<Primitive> primitives = new ArrayList<>();
  private final Arena arena = Arena.ofShared();
  private long scratchBytes;
  private long lastUse;

  /**
   * What distinguishes products.
   *
   * @param type of both factors
   * @param outType of the product
   * @param m rows, {@code n} columns, {@code k} terms
   * @param leadingA elements from row to row of A as it lies in memory; {@code leadingB} and {@code
   *     leadingOut} alike
   */
  record Shape(
      DType type,
      DType outType,
      int m,
      int n,
      int k,
      long leadingA,
      boolean transposedA,
      long leadingB,
      boolean transposedB,
      long leadingOut,
      boolean accumulate,
      boolean biased) {
    long offsetA(int row) {
      return (transposedA ? row : row * leadingA) * type.bytes();
    }

    long offsetB(int column) {
      return (transposedB ? column * leadingB : column) * type.bytes();
    }

    long offsetOut(int row, int column) {
      return (row * leadingOut + column) * outType.bytes();
    }
  }

  /** The code for pieces of one size. */
  private record Primitive(
      int m, int n, long src, long weights, long bias, long dst, long product, long handle) {}

  /** Part of the output; offsets in bytes. */
  private record Piece(
      long primitive,
      long src,
      long weights,
      long dst,
      long bias,
      long scratchpad,
      long srcOffset,
      long weightsOffset,
      long dstOffset,
      long biasOffset,
      int arguments,
      MemorySegment argument) {}

  /**
   * Prepares a product.
   *
   * @throws OneDnnException if the library cannot do it
   */
  ProductPlan(OneDnnApi api, long engine, Shape shape) {
    this.api = api;
    this.shape = shape;
    api.callerOnly(); // primitives are made for as many threads as their maker has
    ProductSplit split = ProductSplit.of(shape);
    pieces = new Piece[split.count()];
    try {
      for (int i = 0; i < pieces.length; i++) {
        pieces[i] = piece(engine, split, i);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private Piece piece(long engine, ProductSplit split, int index) {
    Primitive primitive = primitive(engine, split.rows(index), split.columns(index));
    int row = split.firstRow(index);
    int column = split.firstColumn(index);
    long src = api.createMemory(primitive.src, engine);
    long weights = api.createMemory(primitive.weights, engine);
    long dst = api.createMemory(primitive.dst, engine);
    long scratchpad = api.createMemory(api.scratchpad(primitive.product), engine);
    long bias = shape.biased ? api.createMemory(primitive.bias, engine) : 0;
    int arguments = shape.biased ? 5 : 4;
    MemorySegment argument =
        arena.allocate(arguments * ARGUMENT_BYTES, ValueLayout.JAVA_LONG.byteAlignment());
    argument(argument, 0, SRC, src);
    argument(argument, 1, WEIGHTS, weights);
    argument(argument, 2, DST, dst);
    argument(argument, 3, SCRATCHPAD, scratchpad);
    if (shape.biased) {
      argument(argument, 4, BIAS, bias);
    }
    return new Piece(
        primitive.handle,
        src,
        weights,
        dst,
        bias,
        scratchpad,
        shape.offsetA(row),
        shape.offsetB(column),
        shape.offsetOut(row, column),
        (long) column * Float.BYTES,
        arguments,
        argument);
  }

  private static void argument(MemorySegment block, int index, int number, long memory) {
    block.set(ValueLayout.JAVA_INT, index * ARGUMENT_BYTES, number);
    block.set(ValueLayout.JAVA_LONG, index * ARGUMENT_BYTES + Long.BYTES, memory);
  }

  /** Pieces of one size share one. */
  private Primitive primitive(long engine, int m, int n) {
    for (Primitive made : primitives) {
      if (made.m == m && made.n == n) {
        return made;
      }
    }
    int type = type(shape.type);
    int outType = type(shape.outType);
    long src = matrix(type, m, shape.k, shape.leadingA, shape.transposedA);
    long weights = matrix(type, shape.k, n, shape.leadingB, shape.transposedB);
    long dst = matrix(outType, m, n, shape.leadingOut, false);
    long bias = shape.biased ? api.describe(OneDnnApi.F32, 1, n, n, 1) : 0;
    long product = api.describeProduct(engine, src, weights, bias, dst, shape.accumulate, outType);
    Primitive primitive =
        new Primitive(m, n, src, weights, bias, dst, product, api.createPrimitive(product));
    scratchBytes = Math.max(scratchBytes, api.size(api.scratchpad(product)));
    primitives.add(primitive);
    return primitive;
  }

  private long matrix(int type, int rows, int columns, long leading, boolean transposed) {
    return transposed
        ? api.describe(type, rows, columns, 1, leading)
        : api.describe(type, rows, columns, leading, 1);
  }

  private static int type(DType type) {
    return switch (type) {
      case F32 -> OneDnnApi.F32;
      case BF16 -> OneDnnApi.BF16;
      default -> throw new IllegalArgumentException("no matrix products of " + type);
    };
  }

  Shape shape() {
    return shape;
  }

  int pieces() {
    return pieces.length;
  }

  /** Scratch memory that each worker must have. */
  long scratchBytes() {
    return scratchBytes;
  }

  long lastUse() {
    return lastUse;
  }

  void use(long time) {
    lastUse = time;
  }

  /** Name of the library's code that computes it. */
  String implementation() {
    return api.implementation(primitives.getFirst().product);
  }

  /**
   * Computes a piece on the calling thread.
   *
   * @param a address of A; {@code b}, {@code out}, {@code bias} alike
   * @param scratch address of {@link #scratchBytes} that no other thread uses
   */
  void run(int index, long stream, long a, long b, long out, long bias, long scratch) {
    Piece piece = pieces[index];
    api.callerOnly();
    api.setData(piece.src, a + piece.srcOffset);
    api.setData(piece.weights, b + piece.weightsOffset);
    api.setData(piece.dst, out + piece.dstOffset);
    api.setData(piece.scratchpad, scratch);
    if (piece.bias != 0) {
      api.setData(piece.bias, bias + piece.biasOffset);
    }
    api.execute(piece.primitive, stream, piece.arguments, piece.argument);
  }

  /** Destroys what it made in the library. */
  void close() {
    for (Piece piece : pieces) {
      if (piece != null) {
        api.destroyMemory(piece.src);
        api.destroyMemory(piece.weights);
        api.destroyMemory(piece.dst);
        api.destroyMemory(piece.scratchpad);
        if (piece.bias != 0) {
          api.destroyMemory(piece.bias);
        }
      }
    }
    for (Primitive primitive : primitives) {
      api.destroyPrimitive(primitive.handle);
      api.destroyProductDescription(primitive.product);
      api.destroyDescription(primitive.src);
      api.destroyDescription(primitive.weights);
      api.destroyDescription(primitive.dst);
      if (primitive.bias != 0) {
        api.destroyDescription(primitive.bias);
      }
    }
    arena.close();
  }
}
