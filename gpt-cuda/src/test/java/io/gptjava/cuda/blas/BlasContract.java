package io.gptjava.cuda.blas;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.BackendOptions;
import io.gptjava.core.DType;
import io.gptjava.cuda.CudaUnderTest;
import io.gptjava.cuda.device.CudaDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What every {@link Blas} must compute: all epilogues, types and ways to store the operands. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class BlasContract {
  private static final int[][] SIZES = { // rows, columns, inner
    {1, 1, 1},
    {7, 5, 13},
    {16, 24, 32},
    {33, 128, 70},
    {64, 96, 48},
    {1, 64, 40},
    {40, 1, 24},
    {130, 72, 257}
  };

  private CudaDevice device;
  private Blas blas;

  /** Opens the implementation under test; skips the tests if it cannot run here. */
  abstract Blas open(CudaDevice device, BackendOptions options);

  @BeforeAll
  final void openAll() {
    BackendOptions options = CudaUnderTest.options();
    device = CudaDevice.open(options);
    blas = open(device, options);
  }

  @AfterAll
  final void closeAll() {
    if (blas != null) {
      blas.close();
    }
    if (device != null) {
      device.close(); // fails if the implementation left something open
    }
  }

  final CudaDevice device() {
    return device;
  }

  final Blas blas() {
    return blas;
  }

  /** All products of an epilogue: storage as the epilogue allows, types, adding or not. */
  static List<Matmul> products(Epilogue epilogue) {
    List<Matmul> products = new ArrayList<>();
    for (int[] size : SIZES) {
      for (boolean transposeA : new boolean[] {false, true}) {
        for (boolean transposeB : new boolean[] {false, true}) {
          if (epilogue == Epilogue.BIAS_GRADIENT && transposeB) {
            continue;
          }
          types()
              .filter(t -> epilogue != Epilogue.BIAS_GRADIENT || t[1] == DType.F32)
              .map(
                  t ->
                      Matmul.dense(
                          size[0], size[1], size[2], transposeA, transposeB, t[0], t[1], epilogue))
              .forEach(products::add);
        }
      }
    }
    if (epilogue == Epilogue.NONE || epilogue == Epilogue.BIAS_GRADIENT) {
      List.copyOf(products).forEach(p -> products.add(p.accumulating(true)));
    }
    return products;
  }

  private static Stream<DType[]> types() {
    return Stream.of(
        new DType[] {DType.F32, DType.F32},
        new DType[] {DType.BF16, DType.BF16},
        new DType[] {DType.BF16, DType.F32},
        new DType[] {DType.F16, DType.F16},
        new DType[] {DType.F16, DType.F32});
  }

  private void check(Matmul product, int shift) {
    try (BlasTrial trial = new BlasTrial(device, product, shift)) {
      trial.check(blas);
    }
  }

  @ParameterizedTest
  @EnumSource
  void epilogues(Epilogue epilogue) {
    for (Matmul product : products(epilogue)) {
      check(product, 0);
    }
  }

  /** Gaps between rows are neither read nor written. */
  @Test
  void strides() {
    for (Matmul dense : products(Epilogue.NONE)) {
      Matmul product =
          dense.strided(dense.strideA() + 3, dense.strideB() + 8, dense.strideOut() + 5);
      check(product, 0);
    }
  }

  /** Operands that begin anywhere, as rows of a matrix do. */
  @ParameterizedTest
  @EnumSource
  void alignments(Epilogue epilogue) {
    for (Matmul product : products(epilogue)) {
      if (product.rows() > 10) {
        check(product, 1);
      }
    }
  }

  /** The second call takes the plan of the first; the device's memory stays as it is. */
  @Test
  void repeats() {
    for (Epilogue epilogue : Epilogue.values()) {
      for (Matmul product : products(epilogue)) {
        try (BlasTrial trial = new BlasTrial(device, product, 0)) {
          float[] first = trial.check(blas);
          long free = device.memory().free();
          float[] second = trial.check(blas);
          assertEquals(free, device.memory().free());
          assertArrayEquals(first, second, product::toString);
        }
      }
    }
  }
}
