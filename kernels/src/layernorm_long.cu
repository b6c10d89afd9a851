// Layer normalisation of rows longer than the registers of layernorm.cu hold, and its gradient: any width.
//
// Roofline: memory. A block works through a row two or three times, and all passes but the first find it in the second-level
// cache, if not the first: a row of 12,288 bf16 is 24 KB, and at most four blocks share a multiprocessor's 228 KB. So what goes
// to memory is as there: with N rows of C elements of S bytes 2NCS forward, 4NCS with a branch, 5NCS backward; and 2NCS more
// for dGamma and dBeta, which no thread can keep over several rows here. They have a kernel of their own, in which a thread
// keeps a unit of columns over many rows; it goes before the gradient of the rows, which may overwrite dOut.
#include "philox.cuh"
#include "reduce.cuh"
#include "vector.cuh"

constexpr int ROW_THREADS = 512;
constexpr int SUM_THREADS = 128;
constexpr float EPSILON = 1e-5f;

template <typename T, bool WIDE, bool RESIDUAL>
DEVICE void normalize(const T* x, const T* __restrict__ branch, const T* __restrict__ gamma, const T* __restrict__ beta,
                      T* residual_out, T* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, int rows,
                      int width, int rows_per_sample, const Dropout& dropout) {
  using U = Unit<T, WIDE>;
  SHARED(float, slots, [ROW_THREADS / 32]);
  const int first = threadIdx.x * U::size;
  const int stride = blockDim.x * U::size;
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const int64_t start = static_cast<int64_t>(row) * width;
    float total = 0.0f;
    for (int column = first; column < width; column += stride) {
      float values[U::size];
      unpack(load_unit<WIDE>(x + start + column), values);
      if (RESIDUAL) {
        float added[U::size];
        unpack(load_unit<WIDE>(branch + start + column), added);
        dropout.apply(dropout.element(row, rows_per_sample, width) + column, added);
#pragma unroll
        for (int j = 0; j < U::size; ++j) {
          values[j] += added[j];
        }
        // What is normalised is the sum as stored: backward reads that.
        const U sum = pack<T>(values);
        store(residual_out + start + column, sum);
        unpack(sum, values);
      }
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        total += values[j];
      }
    }
    const float average = block_sum(total, slots) / width;
    const T* const summed = (RESIDUAL ? residual_out : x) + start;  // each thread reads what it wrote itself
    float squares = 0.0f;
    for (int column = first; column < width; column += stride) {
      float values[U::size];
      unpack(load_unit<WIDE>(summed + column), values);
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        squares += (values[j] - average) * (values[j] - average);
      }
    }
    const float inverse = rsqrtf(block_sum(squares, slots) / width + EPSILON);
    if (threadIdx.x == 0) {
      mean[row] = average;
      rstd[row] = inverse;
    }
    for (int column = first; column < width; column += stride) {
      float values[U::size], scale[U::size], shift[U::size];
      unpack(load_unit<WIDE>(summed + column), values);
      unpack(load_unit<WIDE>(gamma + column), scale);
      unpack(load_unit<WIDE>(beta + column), shift);
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        values[j] = (values[j] - average) * inverse * scale[j] + shift[j];
      }
      store(out + start + column, pack<T>(values));
    }
  }
}

#define LAYER_NORM_LONG(name, T, WIDE)                                                                                \
  KERNEL(ROW_THREADS, name)                                                                                           \
  (const T* __restrict__ x, const T* __restrict__ gamma, const T* __restrict__ beta, T* __restrict__ out,             \
   float* __restrict__ mean, float* __restrict__ rstd, int rows, int width) {                                         \
    normalize<T, WIDE, false>(x, nullptr, gamma, beta, nullptr, out, mean, rstd, rows, width, 1,                      \
                              Dropout(0, 0, nullptr));                                                                \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

LAYER_NORM_LONG(layer_norm_long_f32, float, true)
LAYER_NORM_LONG(layer_norm_long_bf16, bf16, true)
LAYER_NORM_LONG(layer_norm_long_f16, f16, true)
LAYER_NORM_LONG(layer_norm_long_scalar_f32, float, false)
LAYER_NORM_LONG(layer_norm_long_scalar_bf16, bf16, false)
LAYER_NORM_LONG(layer_norm_long_scalar_f16, f16, false)

#define RESIDUAL_LAYER_NORM_LONG(name, T, WIDE)                                                                       \
  KERNEL(ROW_THREADS, name)                                                                                           \
  (const T* residual, const T* __restrict__ branch, const T* __restrict__ gamma, const T* __restrict__ beta,          \
   T* residual_out, T* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, int rows, int width,     \
   int rows_per_sample, unsigned threshold, unsigned site, const StepControl* control) {                              \
    normalize<T, WIDE, true>(residual, branch, gamma, beta, residual_out, out, mean, rstd, rows, width,               \
                             rows_per_sample, Dropout(threshold, site, control));                                     \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

RESIDUAL_LAYER_NORM_LONG(residual_layer_norm_long_f32, float, true)
RESIDUAL_LAYER_NORM_LONG(residual_layer_norm_long_bf16, bf16, true)
RESIDUAL_LAYER_NORM_LONG(residual_layer_norm_long_f16, f16, true)
RESIDUAL_LAYER_NORM_LONG(residual_layer_norm_long_scalar_f32, float, false)
RESIDUAL_LAYER_NORM_LONG(residual_layer_norm_long_scalar_bf16, bf16, false)
RESIDUAL_LAYER_NORM_LONG(residual_layer_norm_long_scalar_f16, f16, false)

template <typename T, bool WIDE>
DEVICE void differentiate(const T* d_out, const T* __restrict__ x, const T* __restrict__ gamma,
                          const float* __restrict__ mean, const float* __restrict__ rstd, const T* d_residual_out,
                          T* d_residual, T* d_branch, int rows, int width, int rows_per_sample, const Dropout& dropout) {
  constexpr int SIZE = Unit<T, WIDE>::size;
  SHARED(float, slots, [ROW_THREADS / 32]);
  const int first = threadIdx.x * SIZE;
  const int stride = blockDim.x * SIZE;
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const int64_t start = static_cast<int64_t>(row) * width;
    const float average = mean[row];
    const float inverse = rstd[row];
    float sum = 0.0f;      // Σ gamma ⊙ dOut
    float product = 0.0f;  // Σ gamma ⊙ dOut ⊙ normalised
    for (int column = first; column < width; column += stride) {
      float dy[SIZE], in[SIZE], scale[SIZE];
      unpack(load_unit<WIDE>(d_out + start + column), dy);
      unpack(load_unit<WIDE>(x + start + column), in);
      unpack(load_unit<WIDE>(gamma + column), scale);
#pragma unroll
      for (int j = 0; j < SIZE; ++j) {
        sum += dy[j] * scale[j];
        product += dy[j] * scale[j] * ((in[j] - average) * inverse);
      }
    }
    sum = block_sum(sum, slots) / width;
    product = block_sum(product, slots) / width;
    for (int column = first; column < width; column += stride) {
      float dy[SIZE], in[SIZE], scale[SIZE];
      unpack(load_unit<WIDE>(d_out + start + column), dy);
      unpack(load_unit<WIDE>(x + start + column), in);
      unpack(load_unit<WIDE>(gamma + column), scale);
#pragma unroll
      for (int j = 0; j < SIZE; ++j) {
        dy[j] = inverse * (dy[j] * scale[j] - sum - (in[j] - average) * inverse * product);
      }
      if (d_residual_out != nullptr) {
        unpack(load_unit<WIDE>(d_residual_out + start + column), in);
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
          dy[j] += in[j];
        }
      }
      store(d_residual + start + column, pack<T>(dy));
      if (d_branch != nullptr) {
        dropout.apply(dropout.element(row, rows_per_sample, width) + column, dy);
        store(d_branch + start + column, pack<T>(dy));
      }
    }
  }
}

#define LAYER_NORM_BACKWARD_LONG(name, T, WIDE)                                                                       \
  KERNEL(ROW_THREADS, name)                                                                                           \
  (const T* d_out, const T* __restrict__ x, const T* __restrict__ gamma, const float* __restrict__ mean,              \
   const float* __restrict__ rstd, const T* d_residual_out, T* d_residual, T* d_branch, int rows, int width,          \
   int rows_per_sample, unsigned threshold, unsigned site, const StepControl* control) {                              \
    differentiate<T, WIDE>(d_out, x, gamma, mean, rstd, d_residual_out, d_residual, d_branch, rows, width,            \
                           rows_per_sample, Dropout(threshold, site, control));                                       \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

LAYER_NORM_BACKWARD_LONG(layer_norm_backward_long_f32, float, true)
LAYER_NORM_BACKWARD_LONG(layer_norm_backward_long_bf16, bf16, true)
LAYER_NORM_BACKWARD_LONG(layer_norm_backward_long_f16, f16, true)
LAYER_NORM_BACKWARD_LONG(layer_norm_backward_long_scalar_f32, float, false)
LAYER_NORM_BACKWARD_LONG(layer_norm_backward_long_scalar_bf16, bf16, false)
LAYER_NORM_BACKWARD_LONG(layer_norm_backward_long_scalar_f16, f16, false)

/// Partial sums of dGamma and dBeta over the rows of blockIdx.y.
template <typename T, bool WIDE>
DEVICE void sum_columns(const T* __restrict__ d_out, const T* __restrict__ x, const float* __restrict__ mean,
                        const float* __restrict__ rstd, float* __restrict__ partials, int rows, int width,
                        int rows_per_block) {
  constexpr int SIZE = Unit<T, WIDE>::size;
  const int column = (blockIdx.x * blockDim.x + threadIdx.x) * SIZE;
  if (column >= width) {
    return;
  }
  const int begin = blockIdx.y * rows_per_block;
  const int end = rows - begin < rows_per_block ? rows : begin + rows_per_block;
  float d_gamma[SIZE] = {};
  float d_beta[SIZE] = {};
#pragma unroll 4
  for (int row = begin; row < end; ++row) {
    const int64_t at = static_cast<int64_t>(row) * width + column;
    const float average = mean[row];
    const float inverse = rstd[row];
    float dy[SIZE], in[SIZE];
    unpack(load_unit<WIDE>(d_out + at), dy);
    unpack(load_unit<WIDE>(x + at), in);
#pragma unroll
    for (int j = 0; j < SIZE; ++j) {
      d_gamma[j] += dy[j] * ((in[j] - average) * inverse);
      d_beta[j] += dy[j];
    }
  }
  float* const partial = partials + static_cast<int64_t>(blockIdx.y) * 2 * width + column;
  put(partial, d_gamma, false);
  put(partial + width, d_beta, false);
}

#define LAYER_NORM_SUMS_LONG(name, T, WIDE)                                                                           \
  KERNEL(SUM_THREADS, name)                                                                                           \
  (const T* __restrict__ d_out, const T* __restrict__ x, const float* __restrict__ mean,                              \
   const float* __restrict__ rstd, float* __restrict__ partials, int rows, int width, int rows_per_block) {           \
    sum_columns<T, WIDE>(d_out, x, mean, rstd, partials, rows, width, rows_per_block);                                \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

LAYER_NORM_SUMS_LONG(layer_norm_sums_long_f32, float, true)
LAYER_NORM_SUMS_LONG(layer_norm_sums_long_bf16, bf16, true)
LAYER_NORM_SUMS_LONG(layer_norm_sums_long_f16, f16, true)
LAYER_NORM_SUMS_LONG(layer_norm_sums_long_scalar_f32, float, false)
LAYER_NORM_SUMS_LONG(layer_norm_sums_long_scalar_bf16, bf16, false)
LAYER_NORM_SUMS_LONG(layer_norm_sums_long_scalar_f16, f16, false)
