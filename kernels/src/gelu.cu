// GELU in its tanh form, ½x(1 + tanh(√(2/π)(x + 0.044715x³))) (Hendrycks and Gimpel, 2016), its gradient, and GELU behind a
// bias for matrix products without an epilogue.
//
// Roofline: memory. Forward reads and writes each element once, backward and bias + GELU move three. 65,536 × 3072 bf16 and
// 4.3 TB/s: 187 and 281 µs. Two packs a thread, loaded before either is used: 64 KB in flight a multiprocessor.
//
// ½(1 + tanh u) is the logistic function of 2u: one exp2, one division, no cancellation, a dozen instructions an element where
// tanhf takes thirty and would be the bottleneck. bf16 divides approximately, 2 ulp of float.
#include "vector.cuh"

constexpr int THREADS = 256;
constexpr int PACKS = 2;  // of a thread
constexpr int ROWS = 4;   // of a thread, with a bias

// 2u·log₂e = x(LINEAR + CUBIC x²)
constexpr float LINEAR = 2.302208198144325f;
constexpr float CUBIC = 0.1029432397f;
constexpr float LN_2 = 0.6931471805599453f;

template <typename T>
DEVICE float divide(float a, float b);
template <>
DEVICE float divide<float>(float a, float b) {
  return a / b;
}
template <>
DEVICE float divide<bf16>(float a, float b) {
  return __fdividef(a, b);
}

/// e^(−2u), at most 2¹⁰⁰ so that its products stay finite.
DEVICE float logistic_term(float x, float square) { return ptx::ex2(fminf(-x * (LINEAR + CUBIC * square), 100.0f)); }

template <typename T>
DEVICE float gelu(float x) {
  return divide<T>(x, 1.0f + logistic_term(x, x * x));
}

/// gelu' = σ + xσ(1 − σ)·2u', σ = σ(2u).
template <typename T>
DEVICE float gelu_derivative(float x) {
  const float square = x * x;
  const float term = logistic_term(x, square);
  const float sigma = divide<T>(1.0f, 1.0f + term);
  return sigma + x * sigma * (term * sigma) * (LN_2 * (LINEAR + 3.0f * CUBIC * square));
}

template <typename T, int N>
DEVICE void gelu_all(float (&values)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) {
    values[i] = gelu<T>(values[i]);
  }
}

template <typename T, bool WIDE>
DEVICE void forward(const T* x, T* out, int64_t count) {
  using U = Unit<T, WIDE>;
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * PACKS * THREADS + threadIdx.x) * U::size;
  U units[PACKS];
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = begin + i * THREADS * U::size;
    if (at < count) {
      units[i] = load_unit<WIDE>(x + at);
    }
  }
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = begin + i * THREADS * U::size;
    if (at < count) {
      float values[U::size];
      unpack(units[i], values);
      gelu_all<T>(values);
      store(out + at, pack<T>(values));
    }
  }
}

template <typename T, bool WIDE>
DEVICE void backward(const T* __restrict__ x, const T* d_out, T* d_x, int64_t count) {
  using U = Unit<T, WIDE>;
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) * PACKS * THREADS + threadIdx.x) * U::size;
  U inputs[PACKS], gradients[PACKS];
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = begin + i * THREADS * U::size;
    if (at < count) {
      inputs[i] = load_unit<WIDE>(x + at);
      gradients[i] = load_unit<WIDE>(d_out + at);
    }
  }
#pragma unroll
  for (int i = 0; i < PACKS; ++i) {
    const int64_t at = begin + i * THREADS * U::size;
    if (at < count) {
      float values[U::size], gradient[U::size];
      unpack(inputs[i], values);
      unpack(gradients[i], gradient);
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        gradient[j] *= gelu_derivative<T>(values[j]);
      }
      store(d_x + at, pack<T>(gradient));
    }
  }
}

/// A thread has one unit of the columns and ROWS rows; x may be pre_activation or out.
template <typename T, bool WIDE>
DEVICE void forward_bias(const T* x, const T* __restrict__ bias, T* pre_activation, T* out, int rows, int columns) {
  using U = Unit<T, WIDE>;
  const int column = (blockIdx.y * blockDim.x + threadIdx.x) * U::size;
  if (column >= columns) {
    return;
  }
  const int first = blockIdx.x * ROWS;
  const int64_t begin = static_cast<int64_t>(first) * columns + column;
  U units[ROWS];
#pragma unroll
  for (int i = 0; i < ROWS; ++i) {
    if (first + i < rows) {
      units[i] = load_unit<WIDE>(x + begin + static_cast<int64_t>(i) * columns);
    }
  }
  float shift[U::size] = {};
  if (bias != nullptr) {
    unpack(load_unit<WIDE>(bias + column), shift);
  }
#pragma unroll
  for (int i = 0; i < ROWS; ++i) {
    if (first + i < rows) {
      const int64_t at = begin + static_cast<int64_t>(i) * columns;
      float values[U::size];
      unpack(units[i], values);
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        values[j] += shift[j];
      }
      // Backward differentiates at the sum as stored.
      units[i] = pack<T>(values);
      unpack(units[i], values);
      if (pre_activation != nullptr) {
        store(pre_activation + at, units[i]);
      }
      gelu_all<T>(values);
      store(out + at, pack<T>(values));
    }
  }
}

/// The scalar kernels serve counts and widths that are not a whole number of packs, and unaligned slices.
#define GELU(suffix, T, WIDE)                                                                                         \
  KERNEL(THREADS, gelu##suffix)(const T* x, T* out, int64_t count) { forward<T, WIDE>(x, out, count); }               \
  EXPORT_KERNEL(gelu##suffix)                                                                                         \
  KERNEL(THREADS, gelu_backward##suffix)(const T* __restrict__ x, const T* d_out, T* d_x, int64_t count) {            \
    backward<T, WIDE>(x, d_out, d_x, count);                                                                          \
  }                                                                                                                   \
  EXPORT_KERNEL(gelu_backward##suffix)                                                                                \
  KERNEL(128, bias_gelu##suffix)                                                                                  \
  (const T* x, const T* __restrict__ bias, T* pre_activation, T* out, int rows, int columns) {                        \
    forward_bias<T, WIDE>(x, bias, pre_activation, out, rows, columns);                                               \
  }                                                                                                                   \
  EXPORT_KERNEL(bias_gelu##suffix)

GELU(_f32, float, true)
GELU(_bf16, bf16, true)
GELU(_scalar_f32, float, false)
GELU(_scalar_bf16, bf16, false)
