// Token plus position embedding, and its gradient.
//
// Roofline: memory. N rows of C elements of S bytes. Forward writes N·C·S and reads as much of wte (from the L2 cache where
// tokens repeat); 65,536 × 768 bf16: 200 MB, 47 µs at 4.3 TB/s; one warp a row, 3 KB in flight each.
// Backward reads dOut twice, once by token and once by position (2NCS), and writes the rows of dWte and dWpe in float.
//
// Backward by token, reproducibly and without a loop over the vocabulary: the rows are sorted by token, stably, by 8 bits a
// pass (two passes up to 65,535 tokens); then each block sums a tile of 64 places of the sorted order, 8 rows in flight a
// thread, and stores each token's sum where its run ends. A run's first tile stores into dWte; the tiles that it continues in
// store partial sums, which token_gradient_join adds in order: so a token that is everywhere costs no more than others. The
// sort is 5 MB of traffic and four short launches.
#include "philox.cuh"
#include "vector.cuh"

constexpr int DIGITS = 256;
constexpr int SORT_WARPS = DIGITS / 32;
constexpr int TILE = 64;    // places of the sorted order that a block sums
constexpr int FLIGHT = 8;   // rows that a thread loads before it adds them
constexpr int PACKS = 3;    // packs of a row that it loads before it adds them

// ---- forward --------------------------------------------------------------------------------------------------------

/// A token outside the vocabulary makes its row NaN: no kernel can throw.
template <typename T, bool WIDE>
DEVICE void embed(const int* __restrict__ tokens, const T* __restrict__ wte, const T* __restrict__ wpe,
                  T* __restrict__ out, int rows, int sequence, int width, int vocabulary, int first_position,
                  const Dropout& dropout) {
  using U = Unit<T, WIDE>;
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= rows) {
    return;
  }
  const int token = tokens[row];
  const bool valid = token >= 0 && token < vocabulary;
  const T* const token_row = wte + static_cast<int64_t>(valid ? token : 0) * width;
  const T* const position_row = wpe + static_cast<int64_t>(first_position + row % sequence) * width;
  T* const out_row = out + static_cast<int64_t>(row) * width;
  constexpr int STRIDE = 32 * U::size;
  for (int base = threadIdx.x % 32 * U::size; base < width; base += PACKS * STRIDE) {
    U token_units[PACKS], position_units[PACKS];
#pragma unroll
    for (int i = 0; i < PACKS; ++i) {
      if (base + i * STRIDE < width) {
        token_units[i] = load_unit<WIDE>(token_row + base + i * STRIDE);
        position_units[i] = load_unit<WIDE>(position_row + base + i * STRIDE);
      }
    }
#pragma unroll
    for (int i = 0; i < PACKS; ++i) {
      const int column = base + i * STRIDE;
      if (column < width) {
        float sum[U::size], position[U::size];
        unpack(token_units[i], sum);
        unpack(position_units[i], position);
#pragma unroll
        for (int j = 0; j < U::size; ++j) {
          sum[j] = valid ? sum[j] + position[j] : NAN;
        }
        dropout.apply(dropout.element(row, sequence, width) + column, sum);
        store(out_row + column, pack<T>(sum));
      }
    }
  }
}

#define EMBEDDING(name, T, WIDE)                                                                                      \
  KERNEL(128, name)                                                                                                   \
  (const int* __restrict__ tokens, const T* __restrict__ wte, const T* __restrict__ wpe, T* __restrict__ out,         \
   int rows, int sequence, int width, int vocabulary, int first_position, unsigned threshold, unsigned site,          \
   const StepControl* control) {                                                                                      \
    embed<T, WIDE>(tokens, wte, wpe, out, rows, sequence, width, vocabulary, first_position,                          \
                   Dropout(threshold, site, control));                                                                \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

EMBEDDING(embedding_f32, float, true)
EMBEDDING(embedding_bf16, bf16, true)
EMBEDDING(embedding_f16, f16, true)
EMBEDDING(embedding_scalar_f32, float, false)
EMBEDDING(embedding_scalar_bf16, bf16, false)
EMBEDDING(embedding_scalar_f16, f16, false)

// ---- rows sorted by token -------------------------------------------------------------------------------------------

/// What rows are sorted by: the token; tokens outside the vocabulary become the sentinel, the vocabulary's size.
DEVICE int sort_key(const int* __restrict__ keys, int row, int sentinel) {
  const int key = keys[row];
  return key >= 0 && key < sentinel ? key : sentinel;
}

/// How often each digit comes in the rows of each block: counts (blocks, 256).
KERNEL(DIGITS, token_histogram)
(const int* __restrict__ keys, int rows, int rows_per_block, int shift, int sentinel, int* __restrict__ counts) {
  SHARED(int, histogram, [DIGITS]);
  histogram[threadIdx.x] = 0;
  __syncthreads();
  const int begin = blockIdx.x * rows_per_block;
  const int end = min(rows, begin + rows_per_block);
  for (int row = begin + threadIdx.x; row < end; row += DIGITS) {
    atomicAdd(&histogram[sort_key(keys, row, sentinel) >> shift & (DIGITS - 1)], 1);
  }
  __syncthreads();
  counts[blockIdx.x * DIGITS + threadIdx.x] = histogram[threadIdx.x];
}
EXPORT_KERNEL(token_histogram)

/// Where the block's first row with the digit `threadIdx.x` goes: behind all smaller digits, and the same in earlier blocks.
DEVICE int first_place(const int* __restrict__ counts, int (&warp_totals)[SORT_WARPS]) {
  int before = 0;
  int total = 0;
#pragma unroll 8
  for (int block = 0; block < static_cast<int>(gridDim.x); ++block) {
    const int count = counts[block * DIGITS + threadIdx.x];
    before += block < static_cast<int>(blockIdx.x) ? count : 0;
    total += count;
  }
  int inclusive = total;
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    const int lower = __shfl_up_sync(FULL_WARP, inclusive, offset);
    inclusive += static_cast<int>(threadIdx.x % 32) >= offset ? lower : 0;
  }
  if (threadIdx.x % 32 == 31) {
    warp_totals[threadIdx.x / 32] = inclusive;
  }
  __syncthreads();
  int place = inclusive - total + before;
  for (int warp = 0; warp < static_cast<int>(threadIdx.x / 32); ++warp) {
    place += warp_totals[warp];
  }
  return place;
}

/// One pass of the sort: moves keys and row numbers (null: not moved before) to their places, equal digits in order.
KERNEL(DIGITS, token_scatter)
(const int* __restrict__ keys, const int* __restrict__ row_ids, int rows, int rows_per_block, int shift, int sentinel,
 const int* __restrict__ counts, int* __restrict__ keys_out, int* __restrict__ row_ids_out) {
  SHARED(int, warp_totals, [SORT_WARPS]);
  SHARED(int, places, [SORT_WARPS][DIGITS]);
  const int lane = threadIdx.x % 32;
  const int warp = threadIdx.x / 32;
  int place = first_place(counts, warp_totals);
  const int begin = blockIdx.x * rows_per_block;
  const int end = min(rows, begin + rows_per_block);
  for (int base = begin; base < end; base += DIGITS) {
    for (int w = 0; w < SORT_WARPS; ++w) {
      places[w][threadIdx.x] = 0;
    }
    __syncthreads();
    const int row = base + threadIdx.x;
    const bool valid = row < end;
    const int key = valid ? sort_key(keys, row, sentinel) : 0;
    const int digit = key >> shift & (DIGITS - 1);
    unsigned peers = __ballot_sync(FULL_WARP, valid);  // lanes of the same digit
    for (int bit = 0; bit < 8; ++bit) {
      const unsigned ones = __ballot_sync(FULL_WARP, (digit >> bit & 1) != 0);
      peers &= (digit >> bit & 1) != 0 ? ones : ~ones;
    }
    const int rank = __popc(peers & ((1u << lane) - 1));
    if (valid && rank == 0) {
      places[warp][digit] = __popc(peers);
    }
    __syncthreads();
    for (int w = 0; w < SORT_WARPS; ++w) {
      const int count = places[w][threadIdx.x];
      places[w][threadIdx.x] = place;
      place += count;
    }
    __syncthreads();
    if (valid) {
      const int to = places[warp][digit] + rank;
      keys_out[to] = key;
      row_ids_out[to] = row_ids == nullptr ? row : row_ids[row];
    }
    __syncthreads();
  }
}
EXPORT_KERNEL(token_scatter)

// ---- gradient by token ----------------------------------------------------------------------------------------------

template <typename T, bool WIDE>
DEVICE void sum_tile(const int* __restrict__ keys, const int* __restrict__ row_ids, const T* __restrict__ d_out,
                     float* __restrict__ d_wte, float* __restrict__ partials, int rows, int sequence, int width,
                     int vocabulary, bool accumulate, const Dropout& dropout) {
  using U = Unit<T, WIDE>;
  SHARED(int, tile_keys, [TILE + 1]);
  SHARED(int, tile_rows, [TILE]);
  const int begin = blockIdx.x * TILE;
  const int count = min(TILE, rows - begin);
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    tile_keys[i] = keys[begin + i];
    tile_rows[i] = row_ids[begin + i];
  }
  __syncthreads();
  const int column = (blockIdx.y * blockDim.x + threadIdx.x) * U::size;
  if (column >= width) {
    return;
  }
  // Whether the run at hand began in this tile, so that its sum belongs into dWte.
  bool owner = begin == 0 || keys[begin - 1] != tile_keys[0];
  float sum[U::size] = {};
  for (int base = 0; base < count; base += FLIGHT) {
    U flight[FLIGHT];
#pragma unroll
    for (int i = 0; i < FLIGHT; ++i) {
      if (base + i < count) {
        flight[i] = load_unit<WIDE>(d_out + static_cast<int64_t>(tile_rows[base + i]) * width + column);
      }
    }
#pragma unroll
    for (int i = 0; i < FLIGHT; ++i) {
      const int at = base + i;
      if (at < count) {
        const int key = tile_keys[at];
        float gradient[U::size];
        unpack(flight[i], gradient);
        dropout.apply(dropout.element(tile_rows[at], sequence, width) + column, gradient);
#pragma unroll
        for (int j = 0; j < U::size; ++j) {
          sum[j] += gradient[j];
        }
        if (at + 1 == count || tile_keys[at + 1] != key) {
          if (!owner) {
            put(partials + static_cast<int64_t>(blockIdx.x) * width + column, sum, false);
          } else if (key < vocabulary) {
            put(d_wte + static_cast<int64_t>(key) * width + column, sum, accumulate);
          }
          owner = true;
#pragma unroll
          for (int j = 0; j < U::size; ++j) {
            sum[j] = 0.0f;
          }
        }
      }
    }
  }
}

#define TOKEN_GRADIENT(name, T, WIDE)                                                                                 \
  KERNEL(128, name)                                                                                                   \
  (const int* __restrict__ keys, const int* __restrict__ row_ids, const T* __restrict__ d_out,                        \
   float* __restrict__ d_wte, float* __restrict__ partials, int rows, int sequence, int width, int vocabulary,        \
   int accumulate, unsigned threshold, unsigned site, const StepControl* control) {                                   \
    sum_tile<T, WIDE>(keys, row_ids, d_out, d_wte, partials, rows, sequence, width, vocabulary, accumulate != 0,      \
                      Dropout(threshold, site, control));                                                             \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

TOKEN_GRADIENT(token_gradient_f32, float, true)
TOKEN_GRADIENT(token_gradient_bf16, bf16, true)
TOKEN_GRADIENT(token_gradient_f16, f16, true)
TOKEN_GRADIENT(token_gradient_scalar_f32, float, false)
TOKEN_GRADIENT(token_gradient_scalar_bf16, bf16, false)
TOKEN_GRADIENT(token_gradient_scalar_f16, f16, false)

/// Adds the partial sums of the run that begins in tile `blockIdx.x` and goes on behind it, if there is one.
KERNEL(256, token_gradient_join)
(const int* __restrict__ keys, const float* __restrict__ partials, float* __restrict__ d_wte, int rows, int width,
 int vocabulary) {
  const int begin = blockIdx.x * TILE;
  const int next = begin + TILE;
  if (next >= rows || keys[next] != keys[next - 1] || keys[next] >= vocabulary) {
    return;
  }
  const int key = keys[next];
  if (keys[begin] == key && begin > 0 && keys[begin - 1] == key) {
    return;  // it began earlier
  }
  // The run goes on into the tiles (blockIdx.x, last].
  int last = blockIdx.x + 1;
  for (int beyond = (rows - 1) / TILE + 1; last + 1 < beyond;) {
    const int middle = last + (beyond - last) / 2;
    if (keys[middle * TILE] == key) {
      last = middle;
    } else {
      beyond = middle;
    }
  }
  for (int column = threadIdx.x; column < width; column += blockDim.x) {
    float sum[1] = {0.0f};
#pragma unroll 8
    for (int tile = blockIdx.x + 1; tile <= last; ++tile) {
      sum[0] += partials[static_cast<int64_t>(tile) * width + column];
    }
    put(d_wte + static_cast<int64_t>(key) * width + column, sum, true);
  }
}
EXPORT_KERNEL(token_gradient_join)

// ---- gradient by position -------------------------------------------------------------------------------------------

/// A thread sums one unit of dWpe over the batch; positions that no row has become 0, or stay when accumulating.
template <typename T, bool WIDE>
DEVICE void sum_position(const T* __restrict__ d_out, float* __restrict__ d_wpe, int batch, int sequence, int width,
                         int positions, bool accumulate, const Dropout& dropout) {
  using U = Unit<T, WIDE>;
  const int64_t element = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * U::size;
  if (element >= static_cast<int64_t>(positions) * width) {
    return;
  }
  float sum[U::size] = {};
  const int64_t sample = static_cast<int64_t>(sequence) * width;
  if (element < sample) {
    const uint64_t first = dropout.element(0, sequence, width) + element;
    for (int base = 0; base < batch; base += FLIGHT) {
      U flight[FLIGHT];
#pragma unroll
      for (int i = 0; i < FLIGHT; ++i) {
        if (base + i < batch) {
          flight[i] = load_unit<WIDE>(d_out + (base + i) * sample + element);
        }
      }
#pragma unroll
      for (int i = 0; i < FLIGHT; ++i) {
        if (base + i < batch) {
          float gradient[U::size];
          unpack(flight[i], gradient);
          dropout.apply(first + (base + i) * sample, gradient);
#pragma unroll
          for (int j = 0; j < U::size; ++j) {
            sum[j] += gradient[j];
          }
        }
      }
    }
  } else if (accumulate) {
    return;
  }
  put(d_wpe + element, sum, accumulate);
}

#define POSITION_GRADIENT(name, T, WIDE)                                                                              \
  KERNEL(128, name)                                                                                                   \
  (const T* __restrict__ d_out, float* __restrict__ d_wpe, int batch, int sequence, int width, int positions,         \
   int accumulate, unsigned threshold, unsigned site, const StepControl* control) {                                   \
    sum_position<T, WIDE>(d_out, d_wpe, batch, sequence, width, positions, accumulate != 0,                           \
                          Dropout(threshold, site, control));                                                         \
  }                                                                                                                   \
  EXPORT_KERNEL(name)

POSITION_GRADIENT(position_gradient_f32, float, true)
POSITION_GRADIENT(position_gradient_bf16, bf16, true)
POSITION_GRADIENT(position_gradient_f16, f16, true)
POSITION_GRADIENT(position_gradient_scalar_f32, float, false)
POSITION_GRADIENT(position_gradient_scalar_bf16, bf16, false)
POSITION_GRADIENT(position_gradient_scalar_f16, f16, false)
