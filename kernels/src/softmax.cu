// Stand-alone softmax of rows, with the maximum subtracted, and its gradient. (The loss has its own, in classifier.cu.)
//
// Roofline: memory: forward reads and writes each element once, backward reads two and writes one; the further passes over a
// row, which one block works through, find it in the first- or second-level cache. Used in sampling, not in training.
#include "reduce.cuh"
#include "vector.cuh"

constexpr int MAX_THREADS = 1024;

template <typename T, bool WIDE>
DEVICE void forward(const T* x, T* out, int columns) {
  using U = Unit<T, WIDE>;
  SHARED(float, slots, [MAX_THREADS / 32]);
  x += static_cast<int64_t>(blockIdx.x) * columns;
  out += static_cast<int64_t>(blockIdx.x) * columns;
  const int first = threadIdx.x * U::size;
  const int stride = blockDim.x * U::size;
  float greatest = -INFINITY;
  for (int column = first; column < columns; column += stride) {
    float values[U::size];
    unpack(load_unit<WIDE>(x + column), values);
#pragma unroll
    for (int j = 0; j < U::size; ++j) {
      greatest = fmaxf(greatest, values[j]);
    }
  }
  greatest = block_max(greatest, slots);
  float sum = 0.0f;
  for (int column = first; column < columns; column += stride) {
    float values[U::size];
    unpack(load_unit<WIDE>(x + column), values);
#pragma unroll
    for (int j = 0; j < U::size; ++j) {
      sum += expf(values[j] - greatest);
    }
  }
  sum = block_sum(sum, slots);
  for (int column = first; column < columns; column += stride) {
    float values[U::size];
    unpack(load_unit<WIDE>(x + column), values);
#pragma unroll
    for (int j = 0; j < U::size; ++j) {
      values[j] = expf(values[j] - greatest) / sum;
    }
    store(out + column, pack<T>(values));
  }
}

template <typename T, bool WIDE>
DEVICE void backward(const T* __restrict__ out, const T* d_out, T* d_x, int columns) {
  using U = Unit<T, WIDE>;
  SHARED(float, slots, [MAX_THREADS / 32]);
  const int64_t start = static_cast<int64_t>(blockIdx.x) * columns;
  const int first = threadIdx.x * U::size;
  const int stride = blockDim.x * U::size;
  float sum = 0.0f;
  for (int column = first; column < columns; column += stride) {
    float weights[U::size], gradient[U::size];
    unpack(load_unit<WIDE>(out + start + column), weights);
    unpack(load_unit<WIDE>(d_out + start + column), gradient);
#pragma unroll
    for (int j = 0; j < U::size; ++j) {
      sum += weights[j] * gradient[j];
    }
  }
  sum = block_sum(sum, slots);
  for (int column = first; column < columns; column += stride) {
    float weights[U::size], gradient[U::size];
    unpack(load_unit<WIDE>(out + start + column), weights);
    unpack(load_unit<WIDE>(d_out + start + column), gradient);
#pragma unroll
    for (int j = 0; j < U::size; ++j) {
      gradient[j] = weights[j] * (gradient[j] - sum);
    }
    store(d_x + start + column, pack<T>(gradient));
  }
}

#define SOFTMAX(suffix, T)                                                                                            \
  KERNEL(MAX_THREADS, softmax##suffix)(const T* x, T* out, int columns) {                                             \
    if (columns % Pack<T>::size == 0 && aligned(x, out)) {                                                            \
      forward<T, true>(x, out, columns);                                                                              \
    } else {                                                                                                          \
      forward<T, false>(x, out, columns);                                                                             \
    }                                                                                                                 \
  }                                                                                                                   \
  EXPORT_KERNEL(softmax##suffix)                                                                                      \
  KERNEL(MAX_THREADS, softmax_backward##suffix)(const T* __restrict__ out, const T* d_out, T* d_x, int columns) {     \
    if (columns % Pack<T>::size == 0 && aligned(out, d_out, d_x)) {                                                   \
      backward<T, true>(out, d_out, d_x, columns);                                                                    \
    } else {                                                                                                          \
      backward<T, false>(out, d_out, d_x, columns);                                                                   \
    }                                                                                                                 \
  }                                                                                                                   \
  EXPORT_KERNEL(softmax_backward##suffix)

SOFTMAX(_f32, float)
SOFTMAX(_bf16, bf16)
SOFTMAX(_f16, f16)
