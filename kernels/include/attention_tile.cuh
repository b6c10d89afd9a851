// Tiles of rows of a 16-bit type in shared memory for the tensor-core attention kernels, and their mma.m16n8k16 fragments.
//
// A tile is ROWS rows of HS elements. Its 16-byte chunks are permuted within each row (chunk ^ swizzle(row)), so that the
// eight rows of an 8x8 matrix that ldmatrix reads, and the eight chunks that eight lanes copy, lie in 32 different banks.
#pragma once

#include "cuda_compat.cuh"

template <typename T, int HS>
struct Tile {
  static_assert(HS % 32 == 0, "rows of whole 64-byte halves of a bank line");
  static constexpr int CHUNKS = HS / 8;

  /// Rows of 128-byte multiples all begin at bank 0: eight rows, eight permutations. Otherwise the parity of the row
  /// already chooses the half of the 128-byte line, and pairs of rows need four.
  DEVICE static int swizzle(int row) { return HS % 64 == 0 ? row & 7 : row >> 1 & 3; }

  /// Place of a chunk, in elements from the tile's first.
  DEVICE static int at(int row, int chunk) { return row * HS + ((chunk ^ swizzle(row)) << 3); }

  /// Begins the copy of ROWS rows that are stride elements apart; rows from valid on become zero.
  template <int ROWS, int THREADS>
  DEVICE static void load(T* tile, const T* __restrict__ from, int stride, int valid) {
    static_assert(ROWS * CHUNKS % THREADS == 0, "every thread copies as many chunks");
    // Offsets in 32 bits from an address that all threads share.
#pragma unroll
    for (int i = 0; i < ROWS * CHUNKS / THREADS; i++) {
      const int index = i * THREADS + static_cast<int>(threadIdx.x);
      const int row = index / CHUNKS;
      const int chunk = index % CHUNKS;
      const bool inside = row < valid;
      const unsigned offset = static_cast<unsigned>((inside ? row : 0) * stride + chunk * 8);
      ptx::cp_async16(tile + at(row, chunk), from + offset, inside);
    }
  }

  /// Where a lane's address for an A operand, or a B operand of the tile as it is, begins: rows 0 .. 15, both chunks of k = 0.
  DEVICE static int lane_rows() {
    const int lane = threadIdx.x & 31;
    return at(lane & 15, lane >> 4);
  }

  /// The same for two B operands of the transposed tile: rows 0 .. 7 with both chunks, then rows 8 .. 15.
  DEVICE static int lane_columns() {
    const int lane = threadIdx.x & 31;
    return at((lane & 7) + (lane >> 4 << 3), lane >> 3 & 1);
  }

  /// From a lane's place at columns 0 .. 15 to columns 16k .. 16k+15: the bits of k that the swizzle permutes are flipped,
  /// the others added. Rows come on top as multiples of 8 HS. One instruction from one register, however large the tile.
  DEVICE static int column(int lane_place, int k) {
    constexpr int PERMUTED = HS % 64 == 0 ? 3 : 1;
    return (lane_place ^ (k & PERMUTED) << 4) + (k & ~PERMUTED) * 16;
  }

  /// A operand: 16 rows, columns 16k .. 16k+15; place includes lane_rows().
  DEVICE static void fragment_a(uint32_t (&a)[4], const T* shared, int place, int k) {
    ptx::ldmatrix_x4(a, shared + column(place, k));
  }

  /// Two B operands of a product with the tile transposed, B(i, n) = tile(n, 16k + i), for n in 0..7 and in 8..15; place
  /// includes lane_columns().
  DEVICE static void fragment_b(uint32_t (&low)[2], uint32_t (&high)[2], const T* shared, int place, int k) {
    uint32_t r[4];
    ptx::ldmatrix_x4(r, shared + column(place, k));
    low[0] = r[0];
    low[1] = r[1];
    high[0] = r[2];
    high[1] = r[3];
  }

  /// Two B operands of a product with the tile as it is, B(i, n) = tile(i, 16k + n), for n in 0..7 and in 8..15; place includes
  /// lane_rows().
  DEVICE static void fragment_b_trans(uint32_t (&low)[2], uint32_t (&high)[2], const T* shared, int place, int k) {
    uint32_t r[4];
    ptx::ldmatrix_x4_trans(r, shared + column(place, k));
    low[0] = r[0];
    low[1] = r[1];
    high[0] = r[2];
    high[1] = r[3];
  }

  /// Writes a warp's MT*16 rows, accumulators times a factor for each of a lane's rows, to global memory by way of the tile's
  /// rows row .. (no other warp may use them). Rows from valid on, counted from row, are left out.
  template <int MT>
  DEVICE static void store(T* tile, int row, const float (&d)[MT][HS / 8][4], const float (&factor)[MT][2],
                           T* __restrict__ to, int stride, int valid) {
    const int lane = threadIdx.x & 31;
    __syncwarp();
#pragma unroll
    for (int m = 0; m < MT; m++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int r = row + m * 16 + half * 8 + (lane >> 2);
#pragma unroll
        for (int n = 0; n < HS / 8; n++) {
          const float f = factor[m][half];
          *reinterpret_cast<uint32_t*>(tile + at(r, n) + (lane & 3) * 2) =
              pair_of<T>(d[m][n][2 * half] * f, d[m][n][2 * half + 1] * f);
        }
      }
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < MT * 16 * CHUNKS / 32; i++) {
      const int r = (i * 32 + lane) / CHUNKS;
      const int chunk = (i * 32 + lane) % CHUNKS;
      if (r < valid) {
        *reinterpret_cast<uint4*>(to + static_cast<int64_t>(r) * stride + chunk * 8) =
            *reinterpret_cast<const uint4*>(tile + at(row + r, chunk));
      }
    }
  }
};
