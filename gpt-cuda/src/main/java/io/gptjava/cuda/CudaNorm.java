package io.gptjava.cuda;

import static io.gptjava.cuda.Launches.address;
import static io.gptjava.cuda.Launches.ceiling;

import io.gptjava.core.DType;
import io.gptjava.core.Dropout;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;

/** Layer normalisation and the residual stream; the kernels are those of {@code layernorm.cu}. */
final class CudaNorm {
  private static final int WARP = 32;

  /** Elements of a row that a thread holds, forward and backward. */
  private static final int FORWARD_VALUES = 32;

  private static final int BACKWARD_VALUES = 24;

  /** Most warps of a row. */
  private static final int MOST_WARPS = 8;

  /** Rows of a block when each has one warp. */
  private static final int ROWS = 4;

  /** Threads that backward keeps busy on a multiprocessor. */
  private static final int BACKWARD_THREADS = 512;

  private final CudaDevice device;
  private final CudaStepControl control;
  private final KernelForms layerNorm;
  private final KernelForms residualLayerNorm;
  private final KernelForms backward;

  CudaNorm(CudaDevice device, CudaStepControl control) {
    this.device = device;
    this.control = control;
    layerNorm = new KernelForms(device, "layer_norm");
    residualLayerNorm = new KernelForms(device, "residual_layer_norm");
    backward = new KernelForms(device, "layer_norm_backward");
  }

  void layerNorm(Tensor x, Tensor gamma, Tensor beta, Tensor out, Tensor mean, Tensor rstd) {
    long rows = x.rows();
    long width = x.size(-1);
    DType type = CudaOperands.floatType("x", x, rows, width);
    checkForward(type, rows, width, gamma, beta, out, mean, rstd);
    long addresses = x.address() | gamma.address() | beta.address() | out.address();
    int warps = warps(width, FORWARD_VALUES);
    Kernel kernel =
        layerNorm
            .of(type, Launches.packed(type, width, addresses))
            .pointer(x)
            .pointer(gamma)
            .pointer(beta)
            .pointer(out)
            .pointer(mean)
            .pointer(rstd)
            .int32(rows)
            .int32(width)
            .int32(warps);
    launchForward(kernel, rows, warps);
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
    int warps = warps(width, FORWARD_VALUES);
    Kernel kernel =
        residualLayerNorm
            .of(type, Launches.packed(type, width, addresses))
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
            .int32(rowsPerSample)
            .int32(warps);
    launchForward(Launches.dropout(kernel, dropout, control), rows, warps);
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

  private static void launchForward(Kernel kernel, long rows, int warps) {
    if (warps == 1) {
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
    int warps = warps(width, BACKWARD_VALUES);
    int blocks = backwardBlocks(rows, warps);
    long addresses =
        dOut.address()
            | x.address()
            | gamma.address()
            | address(dResidualOutOrNull)
            | dResidual.address()
            | address(dBranchOrNull)
            | workspace.address();
    Kernel kernel =
        backward
            .of(type, Launches.packed(type, width, addresses))
            .pointer(dOut)
            .pointer(x)
            .pointer(gamma)
            .pointer(mean)
            .pointer(rstd)
            .pointerOrNull(dResidualOutOrNull)
            .pointer(dResidual)
            .pointerOrNull(dBranchOrNull)
            .pointer(workspace)
            .int32(rows)
            .int32(width)
            .int32(rowsPerSample)
            .int32(warps);
    Launches.dropout(kernel, dropout, control).launch(blocks, 1, 1, backwardThreads(warps), 0);
    PartialSums.launch(
        device, workspace.address(), blocks, (int) width, dGamma, dBeta, accumulate);
  }

  long layerNormBackwardWorkspace(long rows, int width) {
    return 2L * Float.BYTES * width * backwardBlocks(rows, warps(width, BACKWARD_VALUES));
  }

  /** Warps that share a row. */
  private static int warps(long width, int values) {
    long warps = ceiling(width, (long) WARP * values);
    if (warps > MOST_WARPS) {
      throw new IllegalArgumentException(
          "width %d is beyond the %d that a row may have in layer normalisation on CUDA"
              .formatted(width, MOST_WARPS * WARP * BACKWARD_VALUES));
    }
    return (int) warps;
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
