// Building blocks of the plain attention kernels: 64 by 64 tiles of scores by FMA, for any head size, float or bf16.
//
// 256 threads, 16 by 16; thread (y, x) holds 4 rows by 4 columns of a score tile. Which positions these are follows the tiles of
// the dropout masks, so that a thread draws one Philox block for eight of its scores: positions are stored in shared memory in an
// order in which a thread's four are neighbours (as_query, as_key).
#pragma once

#include "attention_common.cuh"
#include "attention_dropout.cuh"

namespace plain {

constexpr int THREADS = 256;
constexpr int TILE = 64;        // positions
constexpr int DEPTH = 32;       // columns of a head at once in products of rows
constexpr int PITCH = TILE + 4;  // keeps rows of float4 aligned, and spreads columns over the banks

/// Position of the place 4 y + e (0 .. 63) of a tile whose positions are queries: 16-position tile pairs, rows r and r+8.
DEVICE int as_query(int place) { return (place >> 5 << 5) + (place >> 2 & 7) + ((place & 3) << 3); }

/// Position of a place of a tile whose positions are keys: 2c, 2c+1, 2c+8, 2c+9 of a 16-position tile.
DEVICE int as_key(int place) { return (place >> 4 << 4) + ((place >> 2 & 3) << 1) + (place & 1) + ((place & 2) << 2); }

/// Rows of one head of qkv, out or a gradient.
template <typename T>
struct Rows {
  const T* __restrict__ from;
  int64_t stride;

  /// An element, or 0 beyond the sequence or the head.
  DEVICE float get(int position, int sequence, int column, int head_size) const {
    return position < sequence && column < head_size ? to_float(from[position * stride + column]) : 0.0f;
  }
};

/// Columns column .. column + DEPTH of a tile of positions, transposed to (DEPTH, PITCH). `place_to_position` is as_query or
/// as_key.
template <typename T, typename F>
DEVICE void stage_columns(float* to, const Rows<T>& rows, F place_to_position, int first, int sequence, int column,
                          int head_size) {
#pragma unroll 2
  for (int i = 0; i < TILE * DEPTH / THREADS; i++) {
    // Eight neighbouring columns of four rows a warp: whole sectors from memory, all banks in shared memory.
    const int index = i * THREADS + static_cast<int>(threadIdx.x);
    const int depth = (index & 7) + (index >> 9 << 3);
    const int place = index >> 3 & 63;
    to[depth * PITCH + place] = rows.get(first + place_to_position(place), sequence, column + depth, head_size);
  }
}

/// Columns column .. column + WIDTH of a tile of positions to (TILE, WIDTH).
template <int WIDTH, typename T, typename F>
DEVICE void stage_rows(float* to, const Rows<T>& rows, F place_to_position, int first, int sequence, int column,
                       int head_size) {
#pragma unroll 2
  for (int i = 0; i < TILE * WIDTH / THREADS; i++) {
    const int index = i * THREADS + static_cast<int>(threadIdx.x);
    const int place = index / WIDTH;
    const int depth = index % WIDTH;
    to[index] = rows.get(first + place_to_position(place), sequence, column + depth, head_size);
  }
}

DEVICE void split(float (&values)[4], const float* from) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  values[0] = v.x;
  values[1] = v.y;
  values[2] = v.z;
  values[3] = v.w;
}

/// s[i][j] = row 4y+i of a times row 4x+j of b, over the whole head. Shared: two times DEPTH * PITCH floats, which others may
/// have read just before; free again after the next barrier.
template <typename T, typename FA, typename FB>
DEVICE void multiply_rows(float (&s)[4][4], const Rows<T>& a, FA a_place, int a_first, const Rows<T>& b, FB b_place,
                          int b_first, int sequence, int head_size, float* shared) {
  float* const a_columns = shared;
  float* const b_columns = shared + DEPTH * PITCH;
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      s[i][j] = 0.0f;
    }
  }
  for (int column = 0; column < head_size; column += DEPTH) {
    __syncthreads();
    stage_columns(a_columns, a, a_place, a_first, sequence, column, head_size);
    stage_columns(b_columns, b, b_place, b_first, sequence, column, head_size);
    __syncthreads();
#pragma unroll 4
    for (int depth = 0; depth < DEPTH; depth++) {
      float left[4];
      float right[4];
      split(left, a_columns + depth * PITCH + 4 * y);
      split(right, b_columns + depth * PITCH + 4 * x);
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          s[i][j] = fmaf(left[i], right[j], s[i][j]);
        }
      }
    }
  }
}

/// Writes a thread's scores to (TILE columns, PITCH): its four rows are neighbours.
DEVICE void put_scores(float* to, const float (&s)[4][4]) {
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    *reinterpret_cast<float4*>(to + (4 * x + j) * PITCH + 4 * y) = make_float4(s[0][j], s[1][j], s[2][j], s[3][j]);
  }
}

/// d[i][w] += sum over the tile's columns t of scores (t, 4y+i) times tile (t, column of w); a thread's columns are 4x .. 4x+3 of
/// each 64.
template <int WIDTH>
DEVICE void multiply_scores(float (&d)[4][WIDTH / 16], const float* scores, const float* tile) {
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;
#pragma unroll 4
  for (int t = 0; t < TILE; t++) {
    float left[4];
    split(left, scores + t * PITCH + 4 * y);
#pragma unroll
    for (int w = 0; w < WIDTH / 64; w++) {
      float right[4];
      split(right, tile + t * WIDTH + w * 64 + 4 * x);
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
          d[i][w * 4 + j] = fmaf(left[i], right[j], d[i][w * 4 + j]);
        }
      }
    }
  }
}

/// Writes a thread's rows times a factor each; columns beyond the head and rows beyond the sequence are left out.
template <int WIDTH, typename T, typename F>
DEVICE void write_rows(T* __restrict__ to, int64_t stride, F place_to_position, int first, int sequence, int column,
                       int head_size, const float (&d)[4][WIDTH / 16], const float (&factor)[4]) {
  const int y = threadIdx.x >> 4;
  const int x = threadIdx.x & 15;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int position = first + place_to_position(4 * y + i);
#pragma unroll
    for (int w = 0; w < WIDTH / 16; w++) {
      const int at = column + w / 4 * 64 + 4 * x + w % 4;
      if (position < sequence && at < head_size) {
        to[position * stride + at] = from_float<T>(d[i][w] * factor[i]);
      }
    }
  }
}

/// Where a call's tensors are for one head, and this block's share.
template <typename T>
struct Head {
  const AttentionWork work;
  const int64_t row;         // of the sample's first position
  const int64_t width;       // C
  const int64_t statistics;  // of the head's first position
  const int column;          // first column of this block's slice of the head

  DEVICE Head(int batch, int sequence, int heads, int head_size, int heads_per_group, int slice)
      : work((sequence + TILE - 1) / TILE, batch, heads, heads_per_group),
        row(static_cast<int64_t>(work.sample) * sequence),
        width(static_cast<int64_t>(heads) * head_size),
        statistics(static_cast<int64_t>(work.sample * heads + work.head) * sequence),
        column(static_cast<int>(blockIdx.y) * slice) {}

  /// Third 0: queries, 1: keys, 2: values.
  DEVICE int64_t packed(int third, int head_size) const {
    return row * 3 * width + third * width + static_cast<int64_t>(work.head) * head_size;
  }
  DEVICE Rows<T> packed_rows(const T* __restrict__ qkv, int third, int head_size) const {
    return {qkv + packed(third, head_size), 3 * width};
  }
  DEVICE int64_t plain(int head_size) const { return row * width + static_cast<int64_t>(work.head) * head_size; }
  DEVICE Rows<T> plain_rows(const T* __restrict__ tensor, int head_size) const { return {tensor + plain(head_size), width}; }
};

/// Sum over the 16 threads that share rows.
DEVICE float row_sum(float value) {
#pragma unroll
  for (int distance = 8; distance > 0; distance >>= 1) {
    value += __shfl_xor_sync(FULL_WARP, value, distance);
  }
  return value;
}

DEVICE float row_max(float value) {
#pragma unroll
  for (int distance = 8; distance > 0; distance >>= 1) {
    value = fmaxf(value, __shfl_xor_sync(FULL_WARP, value, distance));
  }
  return value;
}

}  // namespace plain
