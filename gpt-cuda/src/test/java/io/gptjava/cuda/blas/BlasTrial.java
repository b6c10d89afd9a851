package io.gptjava.cuda.blas;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.gptjava.core.DType;
import io.gptjava.core.contract.Comparison;
import io.gptjava.core.contract.Data;
import io.gptjava.core.contract.Tolerance;
import io.gptjava.cuda.device.CudaDevice;
import java.util.ArrayList;
import java.util.List;

/** One product with its operands in device memory, and what must come out, in float64. */
final class BlasTrial implements AutoCloseable {
  private static final double ROOT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
  private static final double CUBIC = 0.044715;
  private static final double GELU_SLOPE = 1.13; // the largest
  private static final double GELU_ROUNDOFFS = 8;

  private final Matmul m;
  private final List<DeviceFloats> open = new ArrayList<>();
  private final DeviceFloats a;
  private final DeviceFloats b;
  private final DeviceFloats out;
  private final DeviceFloats bias; // (columns)
  private final DeviceFloats auxiliary; // (rows, columns)
  private final double[] sums; // (rows, columns) products, what is added to them included
  private final double[] sizes; // of the terms of the sums
  private final double[] biasSums; // (columns) of B's columns
  private final double[] biasSizes;

  /**
   * Data for a product.
   *
   * @param shift elements by which each operand begins off its alignment
   */
  BlasTrial(CudaDevice device, Matmul m, int shift) {
    this.m = m;
    Data data = new Data(m.rows() * 31L + m.columns() * 7L + m.inner());
    int storedA = m.transposeA() ? m.inner() : m.rows();
    int storedB = m.transposeB() ? m.columns() : m.inner();
    a = normal(device, data, m.inputType(), storedA * m.strideA(), shift);
    b = normal(device, data, m.inputType(), storedB * m.strideB(), shift);
    out = normal(device, data, m.outputType(), m.rows() * m.strideOut(), shift);
    bias = normal(device, data, m.outputType(), m.columns(), shift);
    auxiliary = normal(device, data, m.outputType(), m.rows() * m.columns(), shift);
    sums = new double[m.rows() * m.columns()];
    sizes = new double[sums.length];
    biasSums = new double[m.columns()];
    biasSizes = new double[m.columns()];
    multiply();
  }

  private DeviceFloats normal(CudaDevice device, Data data, DType type, int count, int shift) {
    DeviceFloats floats = new DeviceFloats(device, type, data.normal(count), shift);
    open.add(floats);
    return floats;
  }

  private double a(int row, int k) {
    return a.start()[m.transposeA() ? k * m.strideA() + row : row * m.strideA() + k];
  }

  private double b(int k, int column) {
    return b.start()[m.transposeB() ? column * m.strideB() + k : k * m.strideB() + column];
  }

  private void multiply() {
    boolean addsBias = m.epilogue().hasBias() && m.epilogue() != Epilogue.BIAS_GRADIENT;
    for (int row = 0; row < m.rows(); row++) {
      for (int column = 0; column < m.columns(); column++) {
        double sum = m.accumulate() ? out.start()[row * m.strideOut() + column] : 0;
        sum += addsBias ? bias.start()[column] : 0;
        double size = Math.abs(sum);
        for (int k = 0; k < m.inner(); k++) {
          double term = a(row, k) * b(k, column);
          sum += term;
          size += Math.abs(term);
        }
        sums[row * m.columns() + column] = sum;
        sizes[row * m.columns() + column] = size;
      }
    }
    for (int column = 0; column < m.columns(); column++) {
      biasSums[column] = m.accumulate() ? bias.start()[column] : 0;
      biasSizes[column] = Math.abs(biasSums[column]);
      for (int k = 0; k < m.inner(); k++) {
        biasSums[column] += b(k, column);
        biasSizes[column] += Math.abs(b(k, column));
      }
    }
  }

  /** Computes the product from fresh operands, checks it, and returns it. */
  float[] check(Blas blas) {
    open.forEach(DeviceFloats::reset);
    boolean hasBias = m.epilogue().hasBias();
    boolean hasAuxiliary = m.epilogue().hasAuxiliary();
    blas.multiply(
        m,
        a.address(),
        b.address(),
        out.address(),
        hasBias ? bias.address() : 0,
        hasAuxiliary ? auxiliary.address() : 0);
    float[] all = out.read();
    checkOutput(dense(all));
    unchanged("A", a);
    unchanged("B", b);
    switch (m.epilogue()) {
      case BIAS_GRADIENT -> {
        Tolerance sum = Tolerance.ofSum(m.inner(), biasSizes);
        Comparison.assertWithin("bias gradient " + m, floats(biasSums), bias.read(), sum);
      }
      case GELU_AUX, GELU_AUX_BIAS -> {
        Tolerance sum = stored(Tolerance.ofSum(m.inner(), sizes));
        Comparison.assertWithin("auxiliary " + m, floats(sums), auxiliary.read(), sum);
        unchanged("bias", bias);
      }
      default -> {
        unchanged("bias", bias);
        unchanged("auxiliary", auxiliary);
      }
    }
    return all;
  }

  private void checkOutput(float[] actual) {
    double[] expected = sums.clone();
    double roundoffs = Tolerance.sumRoundoffs(m.inner());
    Tolerance tolerance = Tolerance.scaled(roundoffs, sizes);
    double storing = Tolerance.roundoffs(m.outputType());
    switch (m.epilogue()) {
      case GELU, GELU_BIAS, GELU_AUX, GELU_AUX_BIAS -> {
        double[] magnitude = new double[sums.length];
        for (int i = 0; i < sums.length; i++) {
          expected[i] = gelu(sums[i]);
          magnitude[i] = Math.abs(sums[i]);
        }
        double before = GELU_SLOPE * storing;
        tolerance =
            Tolerance.scaled(GELU_SLOPE * roundoffs + GELU_ROUNDOFFS, sizes)
                .plus(Tolerance.scaled(before, magnitude));
      }
      case DGELU -> {
        double[] magnitude = new double[sums.length];
        for (int i = 0; i < sums.length; i++) {
          double x = auxiliary.start()[i];
          expected[i] = sums[i] * geluDerivative(x);
          magnitude[i] = sizes[i] * geluDerivativeSize(x);
        }
        tolerance =
            Tolerance.scaled(roundoffs + GELU_ROUNDOFFS, magnitude)
                .plus(Tolerance.relative(storing));
      }
      default -> {}
    }
    Comparison.assertWithin(m.toString(), floats(expected), actual, stored(tolerance));
  }

  private Tolerance stored(Tolerance exact) {
    return Tolerance.storedAs(m.outputType(), exact);
  }

  /** The output without the gaps between its rows, after checking that those are untouched. */
  private float[] dense(float[] all) {
    float[] dense = new float[sums.length];
    for (int i = 0; i < all.length; i++) {
      int row = i / m.strideOut();
      int column = i % m.strideOut();
      if (column < m.columns()) {
        dense[row * m.columns() + column] = all[i];
      } else {
        assertEquals(out.start()[i], all[i], () -> "gap behind row " + row + " of " + m);
      }
    }
    return dense;
  }

  private void unchanged(String name, DeviceFloats floats) {
    Comparison.assertWithin(name + " of " + m, floats.start(), floats.read(), Tolerance.exact());
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private static double gelu(double x) {
    return 0.5 * x * (1 + Math.tanh(ROOT_TWO_OVER_PI * (x + CUBIC * x * x * x)));
  }

  private static double geluDerivative(double x) {
    double tanh = Math.tanh(ROOT_TWO_OVER_PI * (x + CUBIC * x * x * x));
    double inner = ROOT_TWO_OVER_PI * (1 + 3 * CUBIC * x * x);
    return 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh * tanh) * inner;
  }

  private static double geluDerivativeSize(double x) {
    return GELU_SLOPE + 0.5 * Math.abs(x) * ROOT_TWO_OVER_PI * (1 + 3 * CUBIC * x * x);
  }

  @Override
  public void close() {
    open.forEach(DeviceFloats::close);
  }
}
