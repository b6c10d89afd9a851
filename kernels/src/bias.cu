// Bias of a linear layer for matrix products without an epilogue, and its gradient: sums over rows.
//
// The bias is stored in every row before the product is added to it, so that the sum is rounded once, as by an epilogue.
//
// Roofline: memory. broadcast_bias writes each element once, column_sums reads it once. 65,536 × 768 bf16 and 4.3 TB/s: 24 µs
// each. In column_sums a warp takes 32 packs of columns and every eighth row of its block, 4 rows in flight: 2 KB a warp,
// 16 KB a block; the launch gives each multiprocessor four blocks or so. Its partial sums (also those of layernorm.cu) are
// added in order by sum_partials, which reads a few MB from the L2 cache.
#include "vector.cuh"

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / 32;
constexpr int FLIGHT = 4;      // rows that a thread of column_sums loads before it adds them
constexpr int SUM_WARPS = 16;  // of a block of sum_partials

/// A thread has a pack of one row, as one access or as single ones.
template <typename T, bool WIDE>
DEVICE void broadcast(const T* __restrict__ bias, T* __restrict__ out, int rows, int columns) {
  using U = Unit<T, WIDE>;
  const unsigned packs = (columns + Pack<T>::size - 1) / Pack<T>::size;
  const unsigned index = blockIdx.x * THREADS + threadIdx.x;
  const unsigned row = index / packs;
  if (row >= static_cast<unsigned>(rows)) {
    return;
  }
  T* const start = out + static_cast<int64_t>(row) * columns;
  const int first = static_cast<int>(index - row * packs) * Pack<T>::size;
  for (int column = first; column < min(columns, first + Pack<T>::size); column += U::size) {
    store(start + column, load_unit<WIDE>(bias + column));
  }
}

template <typename T, bool WIDE>
DEVICE void add_rows(const T* __restrict__ x, int begin, int end, int columns, int column,
                     float (&sum)[Unit<T, WIDE>::size]) {
  using U = Unit<T, WIDE>;
  for (int base = begin; base < end; base += FLIGHT * WARPS) {
    U units[FLIGHT];
#pragma unroll
    for (int i = 0; i < FLIGHT; ++i) {
      if (base + i * WARPS < end) {
        units[i] = load_unit<WIDE>(x + static_cast<int64_t>(base + i * WARPS) * columns + column);
      }
    }
#pragma unroll
    for (int i = 0; i < FLIGHT; ++i) {
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

/// A block sums 32 packs of columns over its rows.
template <typename T>
DEVICE void sum_columns(const T* __restrict__ x, float* __restrict__ partials, int rows, int columns,
                        int rows_per_block) {
  constexpr int SIZE = Pack<T>::size;
  constexpr int WIDTH = 32 * SIZE;
  SHARED(float, sums, [WARPS][WIDTH]);
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  const int first = blockIdx.x * WIDTH;
  const int begin = blockIdx.y * rows_per_block + warp;
  const int end = min(rows, static_cast<int>(blockIdx.y + 1) * rows_per_block);
  if (columns % SIZE == 0 && aligned(x)) {
    const int column = lane * SIZE;
    float sum[SIZE] = {};
    if (first + column < columns) {
      add_rows<T, true>(x, begin, end, columns, first + column, sum);
    }
    put(&sums[warp][column], sum, false);
  } else {
    for (int column = lane; column < WIDTH; column += 32) {
      float sum[1] = {0.0f};
      if (first + column < columns) {
        add_rows<T, false>(x, begin, end, columns, first + column, sum);
      }
      sums[warp][column] = sum[0];
    }
  }
  __syncthreads();
  for (int column = threadIdx.x; column < min(WIDTH, columns - first); column += THREADS) {
    float total = 0.0f;
    for (int w = 0; w < WARPS; ++w) {
      total += sums[w][column];
    }
    partials[static_cast<int64_t>(blockIdx.y) * columns + first + column] = total;
  }
}

#define BIAS(suffix, T)                                                                                               \
  KERNEL(THREADS, broadcast_bias##suffix)(const T* __restrict__ bias, T* __restrict__ out, int rows, int columns) {   \
    if (columns % Pack<T>::size == 0 && aligned(out, bias)) {                                                         \
      broadcast<T, true>(bias, out, rows, columns);                                                                   \
    } else {                                                                                                          \
      broadcast<T, false>(bias, out, rows, columns);                                                                  \
    }                                                                                                                 \
  }                                                                                                                   \
  EXPORT_KERNEL(broadcast_bias##suffix)                                                                               \
  KERNEL(THREADS, column_sums##suffix)                                                                                \
  (const T* __restrict__ x, float* __restrict__ partials, int rows, int columns, int rows_per_block) {                \
    sum_columns<T>(x, partials, rows, columns, rows_per_block);                                                       \
  }                                                                                                                   \
  EXPORT_KERNEL(column_sums##suffix)

BIAS(_f32, float)
BIAS(_bf16, bf16)
BIAS(_f16, f16)

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
