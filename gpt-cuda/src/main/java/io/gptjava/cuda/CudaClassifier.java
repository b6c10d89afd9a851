package io.gptjava.cuda;

import io.gptjava.core.DType;
import io.gptjava.core.Tensor;
import io.gptjava.cuda.device.CudaDevice;
import io.gptjava.cuda.device.Kernel;

/** Cross-entropy over rows of logits; the kernels are those of {@code classifier.cu}. */
final class CudaClassifier {
  private static final int THREADS = 512;
  private static final int SUM_THREADS = 1024;

  /**
   * Shared memory that the kernel declares by itself, and that the driver keeps of each block's.
   */
  private static final long RESERVED_BYTES = 2048;

  private final CudaDevice device;
  private final CudaStepControl control;
  private final KernelForms gradient;
  private final KernelForms loss;

  CudaClassifier(CudaDevice device, CudaStepControl control) {
    this.device = device;
    this.control = control;
    gradient = new KernelForms(device, "classifier");
    loss = new KernelForms(device, "classifier_loss");
  }

  /**
   * Losses of rows, and the gradients of their logits in place: {@code (softmax − onehot) ·
   * lossScale / targetCount} over the vocabulary, 0 in the padding and where ignored.
   *
   * @param logits (N, V'): the padding may hold anything
   * @param targets (N)
   * @param vocabulary V
   * @param losses (N)
   */
  void gradients(Tensor logits, Tensor targets, int vocabulary, Tensor losses) {
    DType type = check(logits, targets, vocabulary, losses);
    long rowBytes = logits.size(-1) * type.bytes();
    boolean cached = rowBytes <= device.maxSharedMemoryPerBlock() - RESERVED_BYTES;
    rows(gradient.of(type), logits, targets, vocabulary, losses)
        .int32(cached ? 1 : 0)
        .address(control.address())
        .launch(logits.rows(), 1, 1, THREADS, cached ? (int) rowBytes : 0);
  }

  /** {@link #gradients} without the gradients: the logits stay. */
  void losses(Tensor logits, Tensor targets, int vocabulary, Tensor losses) {
    DType type = check(logits, targets, vocabulary, losses);
    rows(loss.of(type), logits, targets, vocabulary, losses)
        .launch(logits.rows(), 1, 1, THREADS, 0);
  }

  private static DType check(Tensor logits, Tensor targets, int vocabulary, Tensor losses) {
    long rows = logits.rows();
    long stride = logits.size(-1);
    DType type = CudaOperands.floatType("logits", logits, rows, stride);
    CudaOperands.i32("targets", targets, rows);
    CudaOperands.f32("losses", losses, rows);
    CudaOperands.require(vocabulary >= 1 && vocabulary <= stride, "logits", logits);
    return type;
  }

  private static Kernel rows(
      Kernel kernel, Tensor logits, Tensor targets, int vocabulary, Tensor losses) {
    return kernel
        .pointer(logits)
        .pointer(targets)
        .pointer(losses)
        .int32(vocabulary)
        .int32(logits.size(-1));
  }

  /**
   * Adds the losses to the step's.
   *
   * @param losses (N)
   */
  void addLosses(Tensor losses) {
    CudaOperands.f32("losses", losses, losses.count());
    device
        .kernel("add_losses")
        .pointer(losses)
        .int32(losses.count())
        .address(control.address())
        .launch(1, 1, 1, SUM_THREADS, 0);
  }
}
