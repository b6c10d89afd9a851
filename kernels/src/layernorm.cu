// Layer normalisation, alone and behind a residual link with dropout, and their gradient.
//
// Roofline: memory. With N rows of C elements of S bytes, forward reads and writes N·C once (2NCS), the residual form two
// tensors each (4NCS), backward reads three and writes two (5NCS; 3NCS without later gradient and branch), plus 2C floats a
// block of partial sums of dGamma and dBeta, about 1 %. At 65,536 × 768 bf16 and 4.3 TB/s: 47, 94 and 117 µs.
//
// A row lies in the registers of one warp, at most 32 elements a lane (24 in backward), so it is read once, though the
// variance is summed around the mean. bf16, 768 columns: 1.5 KB a warp in flight and 48 warps on a multiprocessor (40
// registers); 3 KB and 32 (63) with a branch; backward 4.6 KB and 16 (124). Wider rows, and rows that packs do not
// fit, are shared by several warps, which meet in shared memory. Backward is persistent, 16 warps a multiprocessor: each thread keeps the sums of dGamma and dBeta of its
// columns in registers over all its rows; a block adds its warps' sums and writes one partial row, and sum_partials (bias.cu)
// adds those. Philox, about 30 cycles a pack of the multiprocessor's 120, hides behind the loads.
#include "philox.cuh"
#include "reduce.cuh"
#include "vector.cuh"

/// Elements of a row that a thread holds, at most: packs, or single elements of which it gets fewer.
template <bool WIDE>
constexpr int FORWARD_VALUES = WIDE ? 32 : 8;
template <bool WIDE>
constexpr int BACKWARD_VALUES = WIDE ? 24 : 12;  // 24: exactly a lane's share of 768 columns
/// Threads of a row, at most.
template <bool WIDE>
constexpr int FORWARD_THREADS = WIDE ? 256 : 1024;
template <bool WIDE>
constexpr int BACKWARD_THREADS = WIDE ? 256 : 512;
constexpr float EPSILON = 1e-5f;

/// Which part of which row a thread works on.
struct Place {
  bool alone;    // one warp has the row for itself
  int thread;    // in the row
  int threads;   // of the row
  int row;
  int stride;    // to the block's next row

  DEVICE explicit Place(int warps_per_row) {
    alone = warps_per_row == 1;
    thread = alone ? threadIdx.x % 32 : threadIdx.x;
    threads = alone ? 32 : blockDim.x;
    row = alone ? blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32 : blockIdx.x;
    stride = alone ? gridDim.x * (blockDim.x / 32) : gridDim.x;
  }

  /// Column of the first element of the thread's unit i.
  template <int SIZE>
  DEVICE int column(int i) const {
    return (i * threads + thread) * SIZE;
  }

  DEVICE float sum(float value, float* slots) const { return alone ? warp_sum(value) : block_sum(value, slots); }
};

template <typename T, bool WIDE, bool RESIDUAL>
DEVICE void normalize(const T* x, const T* __restrict__ branch, const T* __restrict__ gamma,
                      const T* __restrict__ beta, T* residual_out, T* __restrict__ out, float* __restrict__ mean,
                      float* __restrict__ rstd, int rows, int width, int rows_per_sample, int warps_per_row,
                      const Dropout& dropout) {
  using U = Unit<T, WIDE>;
  constexpr int COUNT = FORWARD_VALUES<WIDE> / U::size;
  SHARED(float, slots, [FORWARD_THREADS<WIDE> / 32]);
  const Place place(warps_per_row);
  if (place.row >= rows) {
    return;  // a whole warp, which nobody waits for
  }
  const int64_t start = static_cast<int64_t>(place.row) * width;
  U units[COUNT];
  U added[RESIDUAL ? COUNT : 1];
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    const int column = place.column<U::size>(i);
    if (column < width) {
      units[i] = load_unit<WIDE>(x + start + column);
      if (RESIDUAL) {
        added[i] = load_unit<WIDE>(branch + start + column);
      }
    }
  }
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    const int column = place.column<U::size>(i);
    if (column < width) {
      float values[U::size];
      unpack(units[i], values);
      if (RESIDUAL) {
        float branch_values[U::size];
        unpack(added[i], branch_values);
        dropout.apply(dropout.element(place.row, rows_per_sample, width) + column, branch_values);
#pragma unroll
        for (int j = 0; j < U::size; ++j) {
          values[j] += branch_values[j];
        }
        // What is normalised is the sum as stored: backward reads that.
        units[i] = pack<T>(values);
        store(residual_out + start + column, units[i]);
        unpack(units[i], values);
      }
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        total += values[j];
      }
    }
  }
  const float average = place.sum(total, slots) / width;
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    if (place.column<U::size>(i) < width) {
      float values[U::size];
      unpack(units[i], values);
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        squares += (values[j] - average) * (values[j] - average);
      }
    }
  }
  const float inverse = rsqrtf(place.sum(squares, slots) / width + EPSILON);
  if (place.thread == 0) {
    mean[place.row] = average;
    rstd[place.row] = inverse;
  }
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    const int column = place.column<U::size>(i);
    if (column < width) {
      float values[U::size], scale[U::size], shift[U::size];
      unpack(units[i], values);
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

#define LAYER_NORM(name, T, WIDE)                                                                                     \
  KERNEL_OF_BLOCKS(FORWARD_THREADS<WIDE>, WIDE ? 0 : 1, name)                                                         \
  (const T* __restrict__ x, const T* __restrict__ gamma, const T* __restrict__ beta, T* __restrict__ out,             \
   float* __restrict__ mean, float* __restrict__ rstd, int rows, int width, int warps_per_row) {                      \
    normalize<T, WIDE, false>(x, nullptr, gamma, beta, nullptr, out, mean, rstd, rows, width, 1, warps_per_row,       \
                              Dropout(0, 0, nullptr));                                                                \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

LAYER_NORM(layer_norm_f32, float, true)
LAYER_NORM(layer_norm_bf16, bf16, true)
LAYER_NORM(layer_norm_f16, f16, true)
LAYER_NORM(layer_norm_scalar_f32, float, false)
LAYER_NORM(layer_norm_scalar_bf16, bf16, false)
LAYER_NORM(layer_norm_scalar_f16, f16, false)

#define RESIDUAL_LAYER_NORM(name, T, WIDE)                                                                            \
  KERNEL(FORWARD_THREADS<WIDE>, name)                                                                                 \
  (const T* residual, const T* __restrict__ branch, const T* __restrict__ gamma, const T* __restrict__ beta,          \
   T* residual_out, T* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, int rows, int width,     \
   int rows_per_sample, int warps_per_row, unsigned threshold, unsigned site, const StepControl* control) {           \
    normalize<T, WIDE, true>(residual, branch, gamma, beta, residual_out, out, mean, rstd, rows, width,               \
                             rows_per_sample, warps_per_row, Dropout(threshold, site, control));                      \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

RESIDUAL_LAYER_NORM(residual_layer_norm_f32, float, true)
RESIDUAL_LAYER_NORM(residual_layer_norm_bf16, bf16, true)
RESIDUAL_LAYER_NORM(residual_layer_norm_f16, f16, true)
RESIDUAL_LAYER_NORM(residual_layer_norm_scalar_f32, float, false)
RESIDUAL_LAYER_NORM(residual_layer_norm_scalar_bf16, bf16, false)
RESIDUAL_LAYER_NORM(residual_layer_norm_scalar_f16, f16, false)

/// A thread's sums of dGamma and dBeta, leaving for the block's partial row.
template <int SIZE, int COUNT>
DEVICE void store_partials(const Place& place, const float (&d_gamma)[COUNT][SIZE], const float (&d_beta)[COUNT][SIZE],
                           float* to, int width, bool accumulate) {
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
    const int column = place.column<SIZE>(i);
    if (column < width) {
      put(to + column, d_gamma[i], accumulate);
      put(to + width + column, d_beta[i], accumulate);
    }
  }
}

template <typename T, bool WIDE>
DEVICE void differentiate(const T* d_out, const T* __restrict__ x, const T* __restrict__ gamma,
                          const float* __restrict__ mean, const float* __restrict__ rstd, const T* d_residual_out,
                          T* d_residual, T* d_branch, float* __restrict__ partials, int rows, int width,
                          int rows_per_sample, int warps_per_row, unsigned threshold, unsigned site,
                          const StepControl* control) {
  using U = Unit<T, WIDE>;
  constexpr int SIZE = U::size;
  constexpr int COUNT = BACKWARD_VALUES<WIDE> / SIZE;
  SHARED(float, slots, [BACKWARD_THREADS<WIDE> / 32]);
  SHARED(float, block_sums, [2 * 32 * BACKWARD_VALUES<WIDE>]);
  const Place place(warps_per_row);
  float d_gamma[COUNT][SIZE] = {};
  float d_beta[COUNT][SIZE] = {};
  for (int row = place.row; row < rows; row += place.stride) {
    const int64_t start = static_cast<int64_t>(row) * width;
    U gradient[COUNT], input[COUNT], later[COUNT];
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int column = place.column<SIZE>(i);
      if (column < width) {
        gradient[i] = load_unit<WIDE>(d_out + start + column);
        input[i] = load_unit<WIDE>(x + start + column);
        if (d_residual_out != nullptr) {
          later[i] = load_unit<WIDE>(d_residual_out + start + column);
        }
      }
    }
    const float average = mean[row];
    const float inverse = rstd[row];
    float sum = 0.0f;      // Σ gamma ⊙ dOut
    float product = 0.0f;  // Σ gamma ⊙ dOut ⊙ normalised
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int column = place.column<SIZE>(i);
      if (column < width) {
        float dy[SIZE], in[SIZE], scale[SIZE];
        unpack(gradient[i], dy);
        unpack(input[i], in);
        unpack(load_unit<WIDE>(gamma + column), scale);
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
          const float normalised = (in[j] - average) * inverse;
          sum += dy[j] * scale[j];
          product += dy[j] * scale[j] * normalised;
          d_gamma[i][j] += dy[j] * normalised;
          d_beta[i][j] += dy[j];
        }
      }
    }
    sum = place.sum(sum, slots) / width;
    product = place.sum(product, slots) / width;
#pragma unroll
    for (int i = 0; i < COUNT; ++i) {
      const int column = place.column<SIZE>(i);
      if (column < width) {
        float dy[SIZE], in[SIZE], scale[SIZE];
        unpack(gradient[i], dy);
        unpack(input[i], in);
        unpack(load_unit<WIDE>(gamma + column), scale);
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
          const float normalised = (in[j] - average) * inverse;
          dy[j] = inverse * (dy[j] * scale[j] - sum - normalised * product);
        }
        if (d_residual_out != nullptr) {
          unpack(later[i], in);
#pragma unroll
          for (int j = 0; j < SIZE; ++j) {
            dy[j] += in[j];
          }
        }
        store(d_residual + start + column, pack<T>(dy));
        if (d_branch != nullptr) {
          const Dropout dropout(threshold, site, control);  // here, or its keys take 20 registers all along
          dropout.apply(dropout.element(row, rows_per_sample, width) + column, dy);
          store(d_branch + start + column, pack<T>(dy));
        }
      }
    }
  }
  float* const partial = partials + static_cast<int64_t>(blockIdx.x) * 2 * width;
  if (!place.alone) {
    store_partials(place, d_gamma, d_beta, partial, width, false);
    return;
  }
  const int warp = threadIdx.x / 32;
  for (int turn = 0; turn < static_cast<int>(blockDim.x / 32); ++turn) {
    if (turn == warp) {
      store_partials(place, d_gamma, d_beta, block_sums, width, turn > 0);
    }
    __syncthreads();
  }
  for (int column = threadIdx.x; column < 2 * width; column += blockDim.x) {
    partial[column] = block_sums[column];
  }
}

#define LAYER_NORM_BACKWARD(name, T, WIDE)                                                                            \
  KERNEL(BACKWARD_THREADS<WIDE>, name)                                                                                \
  (const T* d_out, const T* __restrict__ x, const T* __restrict__ gamma, const float* __restrict__ mean,              \
   const float* __restrict__ rstd, const T* d_residual_out, T* d_residual, T* d_branch, float* __restrict__ partials, \
   int rows, int width, int rows_per_sample, int warps_per_row, unsigned threshold, unsigned site,                    \
   const StepControl* control) {                                                                                      \
    differentiate<T, WIDE>(d_out, x, gamma, mean, rstd, d_residual_out, d_residual, d_branch, partials, rows, width,  \
                           rows_per_sample, warps_per_row, threshold, site, control);                                 \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

LAYER_NORM_BACKWARD(layer_norm_backward_f32, float, true)
LAYER_NORM_BACKWARD(layer_norm_backward_bf16, bf16, true)
LAYER_NORM_BACKWARD(layer_norm_backward_f16, f16, true)
LAYER_NORM_BACKWARD(layer_norm_backward_scalar_f32, float, false)
LAYER_NORM_BACKWARD(layer_norm_backward_scalar_bf16, bf16, false)
LAYER_NORM_BACKWARD(layer_norm_backward_scalar_f16, f16, false)
