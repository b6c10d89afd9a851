package io.gptjava.cuda.blas;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.gptjava.core.DType;
import io.gptjava.cuda.ffi.CublasApi;
import io.gptjava.cuda.ffi.CublasLt;
import io.gptjava.cuda.ffi.CublasLtApi;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The descriptors of one {@link Matmul} for cuBLASLt, made once.
 *
 * <p>cuBLASLt's matrices are column-major: what we store row by row is, to it, the transpose. So it
 * is asked for {@code outᵀ = op(B)ᵀ · op(A)ᵀ}: its first operand is our B, its rows are our
 * columns, and a bias per column of ours is the bias per row that its epilogues know.
 */
final class LtProduct implements AutoCloseable {
  private final CublasLtApi api;
  private final long handle;
  private final Matmul shape;
  private final Arena arena = Arena.ofShared();
  private final long description;
  private final long layoutA;
  private final long layoutB;
  private final long layoutOut;
  private final MemorySegment one = arena.allocateFrom(JAVA_FLOAT, 1);
  private final MemorySegment beta;
  private final MemorySegment pointer = arena.allocate(JAVA_LONG);
  private long bias;
  private long auxiliary;

  /**
   * Where the operands are.
   *
   * @param bias 0 for none
   * @param auxiliary 0 for none
   */
  record Operands(long a, long b, long out, long bias, long auxiliary) {
    Operands withOut(long other) {
      return new Operands(a, b, other, bias, auxiliary);
    }

    Operands withBias(long other) {
      return new Operands(a, b, out, other, auxiliary);
    }
  }

  /** Scratch on the device. */
  record Workspace(long address, long bytes) {}

  LtProduct(CublasLtApi api, long handle, Matmul shape, boolean tf32) {
    this.api = api;
    this.handle = handle;
    this.shape = shape;
    boolean fast = tf32 && shape.inputType() == DType.F32;
    int compute = fast ? CublasApi.COMPUTE_32F_FAST_TF32 : CublasApi.COMPUTE_32F;
    description = api.createMatmul(compute, CublasApi.R_32F);
    set(CublasLt.DESC_TRANSA, operation(shape.transposeB()));
    set(CublasLt.DESC_TRANSB, operation(shape.transposeA()));
    set(CublasLt.DESC_EPILOGUE, epilogue(shape.epilogue()));
    if (shape.epilogue().hasAuxiliary()) {
      api.setMatmul(
          description,
          CublasLt.DESC_EPILOGUE_AUX_LD,
          arena.allocateFrom(JAVA_LONG, shape.columns()));
    }
    int rows = shape.rows();
    int columns = shape.columns();
    int inner = shape.inner();
    layoutA = layout(shape.inputType(), shape.transposeA(), rows, inner, shape.strideA());
    layoutB = layout(shape.inputType(), shape.transposeB(), inner, columns, shape.strideB());
    layoutOut = layout(shape.outputType(), false, rows, columns, shape.strideOut());
    beta = arena.allocateFrom(JAVA_FLOAT, shape.accumulate() ? 1 : 0);
  }

  private void set(int attribute, int value) {
    api.setMatmul(description, attribute, arena.allocateFrom(JAVA_INT, value));
  }

  private static int operation(boolean transpose) {
    return transpose ? CublasApi.OP_T : CublasApi.OP_N;
  }

  private static int epilogue(Epilogue epilogue) {
    return switch (epilogue) {
      case NONE -> CublasLt.EPILOGUE_DEFAULT;
      case BIAS -> CublasLt.EPILOGUE_BIAS;
      case GELU -> CublasLt.EPILOGUE_GELU;
      case GELU_BIAS -> CublasLt.EPILOGUE_GELU_BIAS;
      case GELU_AUX -> CublasLt.EPILOGUE_GELU_AUX;
      case GELU_AUX_BIAS -> CublasLt.EPILOGUE_GELU_AUX_BIAS;
      case DGELU -> CublasLt.EPILOGUE_DGELU;
      case BIAS_GRADIENT -> CublasLt.EPILOGUE_BGRADA; // its A is our B
    };
  }

  private static int dataType(DType dtype) {
    return switch (dtype) {
      case F32 -> CublasApi.R_32F;
      case BF16 -> CublasApi.R_16BF;
      case F16 -> CublasApi.R_16F;
      default -> throw new IllegalArgumentException("no products of " + dtype);
    };
  }

  /** A row-major matrix whose transpose is stored if so said, as its column-major transpose. */
  private long layout(DType dtype, boolean transposed, int rows, int columns, int stride) {
    int type = dataType(dtype);
    return transposed
        ? api.createLayout(type, rows, columns, stride)
        : api.createLayout(type, columns, rows, stride);
  }

  /** Points the epilogue at its operands, which the search for algorithms wants to see too. */
  void point(Operands operands) {
    if (operands.bias() != bias) {
      bias = operands.bias();
      pointer.set(JAVA_LONG, 0, bias);
      api.setMatmul(description, CublasLt.DESC_BIAS_POINTER, pointer);
    }
    if (operands.auxiliary() != auxiliary) {
      auxiliary = operands.auxiliary();
      pointer.set(JAVA_LONG, 0, auxiliary);
      api.setMatmul(description, CublasLt.DESC_EPILOGUE_AUX_POINTER, pointer);
    }
  }

  /** Fills {@code results} with algorithms; returns their number. */
  int heuristic(long preference, MemorySegment results) {
    return api.heuristic(
        handle, description, layoutB, layoutA, layoutOut, layoutOut, preference, results);
  }

  /** Checks an algorithm from elsewhere, and fills {@code result}. */
  void check(MemorySegment algorithm, MemorySegment result) {
    api.checkAlgorithm(
        handle, description, layoutB, layoutA, layoutOut, layoutOut, algorithm, result);
  }

  /** Queues the product. */
  void run(Operands operands, MemorySegment algorithm, Workspace workspace, long stream) {
    point(operands);
    api.matmul(
        handle,
        description,
        one,
        operands.b(),
        layoutB,
        operands.a(),
        layoutA,
        beta,
        operands.out(),
        layoutOut,
        operands.out(),
        layoutOut,
        algorithm,
        workspace.address(),
        workspace.bytes(),
        stream);
  }

  /** Bytes from the first to behind the last row of the output. */
  long outputBytes() {
    return (long) shape.rows() * shape.strideOut() * shape.outputType().bytes();
  }

  @Override
  public void close() {
    api.destroyLayout(layoutOut);
    api.destroyLayout(layoutB);
    api.destroyLayout(layoutA);
    api.destroyMatmul(description);
    arena.close();
  }
}
