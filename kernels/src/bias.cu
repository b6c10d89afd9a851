// Bias of a linear layer for matrix products without an epilogue, and its gradient: sums over rows.
//
// Roofline: memory. add_bias reads and writes each element once; column_sums reads it once. 65,536 × 768 bf16 and 4.3 TB/s: 47
// and 24 µs. In column_sums a warp takes 32 packs of columns and every eighth row of its block, 4 rows in flight: 2 KB a warp,
// 8 warps a block; the rows of a block are so many that there are some four blocks for each multiprocessor. Its partial sums
// (also those of layernorm.cu) are added in order by sum_partials, which reads a few MB from the L2 cache.
#include "vector.cuh"

constexpr int ROWS = 4;          // of a thread in add_bias, and in flight in column_sums
constexpr int WARPS = 8;         // of a block of column_sums
constexpr int SUM_WARPS = 16;    // of a block of sum_partials

template <typename T, bool WIDE>
DEVICE void add(T* x, const T* __restrict__ bias, int rows, int columns) {
  using U = Unit<T, WIDE>;
  const int column = (blockIdx.y * blockDim.x + threadIdx.x) * U::size;
  if (column >= columns) {
    return;
  }
  const int first = blockIdx.x * ROWS;
  T* const begin = x + static_cast<int64_t>(first) * columns + column;
  U units[ROWS];
#pragma unroll
  for (int i = 0; i < ROWS; ++i) {
    if (first + i < rows) {
      units[i] = load_unit<WIDE>(begin + static_cast<int64_t>(i) * columns);
    }
  }
  float shift[U::size];
  unpack(load_unit<WIDE>(bias + column), shift);
#pragma unroll
  for (int i = 0; i < ROWS; ++i) {
    if (first + i < rows) {
      float values[U::size];
      unpack(units[i], values);
#pragma unroll
      for (int j = 0; j < U::size; ++j) {
        values[j] += shift[j];
      }
      store(begin + static_cast<int64_t>(i) * columns, pack<T>(values));
    }
  }
}

template <typename T, bool WIDE>
DEVICE void sum_columns(const T* __restrict__ x, float* __restrict__ partials, int rows, int columns,
                        int rows_per_block) {
  using U = Unit<T, WIDE>;
  SHARED(float, sums, [WARPS][32 * U::size + 1]);
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const int column = (blockIdx.y * 32 + lane) * U::size;
  const int begin = blockIdx.x * rows_per_block;
  const int end = min(rows, begin + rows_per_block);
  float sum[U::size] = {};
  if (column < columns) {
    for (int base = begin + warp; base < end; base += ROWS * WARPS) {
      U units[ROWS];
#pragma unroll
      for (int i = 0; i < ROWS; ++i) {
        if (base + i * WARPS < end) {
          units[i] = load_unit<WIDE>(x + static_cast<int64_t>(base + i * WARPS) * columns + column);
        }
      }
#pragma unroll
      for (int i = 0; i < ROWS; ++i) {
        if (base + i * WARPS < end) {
          float values[U::size];
          unpack(units[i], values);
#pragma unroll
          for (int j = 0; j < U::size; ++j) {
            sum[j] += values[j];
          }
        }
      }
    }
  }
#pragma unroll
  for (int j = 0; j < U::size; ++j) {
    sums[warp][lane * U::size + j] = sum[j];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 32 * U::size; i += WARPS * 32) {
    const int to = blockIdx.y * 32 * U::size + i;
    if (to < columns) {
      float total = 0.0f;
      for (int w = 0; w < WARPS; ++w) {
        total += sums[w][i];
      }
      partials[static_cast<int64_t>(blockIdx.x) * columns + to] = total;
    }
  }
}

#define BIAS(suffix, T, WIDE)                                                                                         \
  KERNEL(128, add_bias##suffix)(T* x, const T* __restrict__ bias, int rows, int columns) {                            \
    add<T, WIDE>(x, bias, rows, columns);                                                                             \
  }                                                                                                                   \
  EXPORT_KERNEL(add_bias##suffix)                                                                                     \
  KERNEL(WARPS * 32, column_sums##suffix)                                                                             \
  (const T* __restrict__ x, float* __restrict__ partials, int rows, int columns, int rows_per_block) {                \
    sum_columns<T, WIDE>(x, partials, rows, columns, rows_per_block);                                                 \
  }                                                                                                                   \
  EXPORT_KERNEL(column_sums##suffix)

BIAS(_f32, float, true)
BIAS(_bf16, bf16, true)
BIAS(_scalar_f32, float, false)
BIAS(_scalar_bf16, bf16, false)

/// Adds up the rows of partials (parts, columns). The first `split` columns go to `first`, the others to `second`, which may
/// be null when there are none.
KERNEL(SUM_WARPS * 32, sum_partials)
(const float* __restrict__ partials, int parts, int columns, int split, float* __restrict__ first,
 float* __restrict__ second, int accumulate) {
  SHARED(float, sums, [SUM_WARPS][33]);
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const int column = blockIdx.x * 32 + lane;
  float sum = 0.0f;
  if (column < columns) {
#pragma unroll 8
    for (int part = warp; part < parts; part += SUM_WARPS) {
      sum += partials[static_cast<int64_t>(part) * columns + column];
    }
  }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp == 0 && column < columns) {
    sum = 0.0f;
    for (int w = 0; w < SUM_WARPS; ++w) {
      sum += sums[w][lane];
    }
    const float total[1] = {sum};
    put(column < split ? first + column : second + column - split, total, accumulate != 0);
  }
}
EXPORT_KERNEL(sum_partials)
