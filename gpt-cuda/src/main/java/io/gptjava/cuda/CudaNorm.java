package io.gptjava.cuda;

import static io.gptjava.cuda.Launches.address;
import static io.gptjava.cuda.Launches.ceiling;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;

/**
 * Layer normalisation and the residual stream; the kernels are those of {@code layernorm.cu}, and
 * of {@code layernorm_long.cu} for rows that those cannot hold.
 */
final class CudaNorm {
  private static final int WARP = 32;

  /** In place of a number of warps: a block works through a row in memory. */
  private static final int NONE = 0;

  /** What a row's threads hold of it. */
  private enum Share {
    FORWARD(32, 8, 8192),
    BACKWARD(24, 12, 6144);

    final int packed;
    final int single;
    final int mostColumns;

    /**
     * Elements of a thread, at most, and columns of a row.
     *
     * @param packed in the kernel that moves packs
     * @param single in the kernel that moves single elements
     */
    Share(int packed, int single, int mostColumns) {
      this.packed = packed;
      this.single = single;
      this.mostColumns = mostColumns;
    }

    /** Whether the threads cannot hold a row, so that it takes the kernels of long rows. */
    boolean isLong(long width) {
      return width > mostColumns;
    }

    /** Warps that share a row; {@link #NONE} for a long one. */
    int warps(long width, boolean byPacks) {
      return isLong(width) ? NONE : (int) ceiling(width, (long) WARP * (byPacks ? packed : single));
    }
  }

  /** Rows of a block when each has one warp. */
  private static final int ROWS = 4;

  /** Threads that work through a long row. */
  private static final int LONG_THREADS = 512;

  /** Threads that backward keeps busy on a multiprocessor. */
  private static final int BACKWARD_THREADS = 512;

  private final CudaDevice device;
  private final CudaStepControl control;
  private final KernelForms layerNorm;
  private final KernelForms residualLayerNorm;
  private final KernelForms backward;
  private final KernelForms layerNormLong;
  private final KernelForms residualLayerNormLong;
  private final KernelForms backwardLong;
  private final LongNormSums longSums;

  CudaNorm(CudaDevice device, CudaStepControl control) {
    this.device = device;
    this.control = control;
    layerNorm = new KernelForms(device, "layer_norm");
    residualLayerNorm = new KernelForms(device, "residual_layer_norm");
    backward = new KernelForms(device, "layer_norm_backward");
    layerNormLong = new KernelForms(device, "layer_norm_long");
    residualLayerNormLong = new KernelForms(device, "residual_layer_norm_long");
    backwardLong = new KernelForms(device, "layer_norm_backward_long");
    longSums = new LongNormSums(device);
  }

  void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    long rows = x.rows();
    long width = x.size(-1);
    DType type = CudaOperands.floatType("x", x, rows, width);
    checkForward(type, rows, width, gamma, beta, out, mean, rstd);
    long addresses = x.address() | gamma.address() | beta.address() | out.address();
    boolean packed = Launches.packed(type, width, addresses);
    int warps = Share.FORWARD.warps(width, packed);
    Kernel kernel =
        (warps == NONE ? layerNormLong : layerNorm)
            .of(type, packed)
            .pointer(x)
            .pointer(gamma)
            .pointer(beta)
            .pointer(out)
            .pointer(mean)
            .pointer(rstd)
            .int32(rows)
            .int32(width);
    launchForward(shared(kernel, warps), rows, warps);
  }

  void residualLayerNorm(
      Tensor residual,
      Tensor branch,
      Dropout dropout,
      int rowsPerSample,
      Tensor gamma,
      Tensor beta,
      Tensor residualOut,
      Tensor out,
      Tensor mean,
      Tensor rstd) {
    long rows = residual.rows();
    long width = residual.size(-1);
    DType type = CudaOperands.floatType("residual", residual, rows, width);
    CudaOperands.matrix("branch", branch, type, rows, width);
    CudaOperands.matrix("residualOut", residualOut, type, rows, width);
    checkForward(type, rows, width, gamma, beta, out, mean, rstd);
    long addresses =
        residual.address()
            | branch.address()
            | residualOut.address()
            | gamma.address()
            | beta.address()
            | out.address();
    boolean packed = Launches.packed(type, width, addresses);
    int warps = Share.FORWARD.warps(width, packed);
    Kernel kernel =
        (warps == NONE ? residualLayerNormLong : residualLayerNorm)
            .of(type, packed)
            .pointer(residual)
            .pointer(branch)
            .pointer(gamma)
            .pointer(beta)
            .pointer(residualOut)
            .pointer(out)
            .pointer(mean)
            .pointer(rstd)
            .int32(rows)
            .int32(width)
            .int32(rowsPerSample);
    launchForward(Launches.dropout(shared(kernel, warps), dropout, control), rows, warps);
  }

  private static void checkForward(
      DType type,
      long rows,
      long width,
      Tensor gamma,
      Tensor beta,
      Tensor out,
      Tensor mean,
      Tensor rstd) {
    CudaOperands.vector("gamma", gamma, type, width);
    CudaOperands.vector("beta", beta, type, width);
    CudaOperands.matrix("out", out, type, rows, width);
    CudaOperands.f32("mean", mean, rows);
    CudaOperands.f32("rstd", rstd, rows);
  }

  /** Gives a kernel the number of warps that share a row; those of long rows do not ask. */
  private static Kernel shared(Kernel kernel, int warps) {
    return warps == NONE ? kernel : kernel.int32(warps);
  }

  private static void launchForward(Kernel kernel, long rows, int warps) {
    if (warps == NONE) {
      kernel.launch(rows, 1, 1, LONG_THREADS, 0);
    } else if (warps == 1) {
      kernel.launch(ceiling(rows, ROWS), 1, 1, ROWS * WARP, 0);
    } else {
      kernel.launch(rows, 1, 1, warps * WARP, 0);
    }
  }

  void residualLayerNormBackward(
      Tensor dOut,
      Tensor x,
      Tensor gamma,
      Tensor mean,
      Tensor rstd,
      Tensor dResidualOutOrNull,
      Dropout dropout,
      int rowsPerSample,
      Tensor dResidual,
      Tensor dBranchOrNull,
      Tensor dGamma,
      Tensor dBeta,
      boolean accumulate,
      Tensor workspace) {
    long rows = x.rows();
    long width = x.size(-1);
    DType type = CudaOperands.floatType("x", x, rows, width);
    CudaOperands.matrix("dOut", dOut, type, rows, width);
    CudaOperands.vector("gamma", gamma, type, width);
    CudaOperands.f32("mean", mean, rows);
    CudaOperands.f32("rstd", rstd, rows);
    CudaOperands.matrixOrNull("dResidualOut", dResidualOutOrNull, type, rows, width);
    CudaOperands.matrix("dResidual", dResidual, type, rows, width);
    CudaOperands.matrixOrNull("dBranch", dBranchOrNull, type, rows, width);
    CudaOperands.f32("dGamma", dGamma, width);
    CudaOperands.f32("dBeta", dBeta, width);
    CudaOperands.workspace(workspace, layerNormBackwardWorkspace(rows, (int) width));
    long addresses =
        dOut.address()
            | x.address()
            | gamma.address()
            | address(dResidualOutOrNull)
            | dResidual.address()
            | address(dBranchOrNull)
            | workspace.address();
    boolean packed = Launches.packed(type, width, addresses);
    int warps = Share.BACKWARD.warps(width, packed);
    // Of long rows the sums come first: dBranch may be dOut.
    int parts =
        warps == NONE
            ? longSums.launch(type, packed, dOut, x, mean, rstd, workspace)
            : backwardBlocks(rows, warps);
    Kernel kernel =
        (warps == NONE ? backwardLong : backward)
            .of(type, packed)
            .pointer(dOut)
            .pointer(x)
            .pointer(gamma)
            .pointer(mean)
            .pointer(rstd)
            .pointerOrNull(dResidualOutOrNull)
            .pointer(dResidual)
            .pointerOrNull(dBranchOrNull);
    if (warps != NONE) {
      kernel.pointer(workspace);
    }
    kernel.int32(rows).int32(width).int32(rowsPerSample);
    Launches.dropout(shared(kernel, warps), dropout, control);
    if (warps == NONE) {
      kernel.launch(rows, 1, 1, LONG_THREADS, 0);
    } else {
      kernel.launch(parts, 1, 1, backwardThreads(warps), 0);
    }
    PartialSums.launch(device, workspace.address(), parts, (int) width, dGamma, dBeta, accumulate);
  }

  long layerNormBackwardWorkspace(long rows, int width) {
    if (Share.BACKWARD.isLong(width)) {
      return longSums.workspace(rows, width);
    }
    int blocks =
        Math.max(
            backwardBlocks(rows, Share.BACKWARD.warps(width, true)),
            backwardBlocks(rows, Share.BACKWARD.warps(width, false)));
    return 2L * Float.BYTES * width * blocks;
  }

  private static int backwardThreads(int warps) {
    return warps == 1 ? ROWS * WARP : warps * WARP;
  }

  /** Blocks of backward: as many as run at once, so that each keeps its sums as long as it can. */
  private int backwardBlocks(long rows, int warps) {
    int threads = backwardThreads(warps);
    long most = (long) device.multiprocessors() * Math.max(1, BACKWARD_THREADS / threads);
    return (int) Math.min(most, ceiling(rows, warps == 1 ? ROWS : 1));
  }
}
