// Products of a warp's rows with tiles in shared memory, for the tensor-core attention kernels. A warp owns MT tiles of 16 rows.
#pragma once

#include "attention_tile.cuh"

/// d += a b on the tensor cores, for fragments of T.
template <typename T>
DEVICE void multiply_fragments(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <>
DEVICE void multiply_fragments<bf16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  ptx::mma_m16n8k16_bf16(d, a, b);
}
template <>
DEVICE void multiply_fragments<f16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  ptx::mma_m16n8k16_f16(d, a, b);
}

/// The A operands of a warp's rows of a tile: kept in registers, or read again at each use where registers are scarce.
template <typename T, int HS, int MT, bool KEPT>
class Operand;

template <typename T, int HS, int MT>
class Operand<T, HS, MT, true> {
 public:
  /// @param row_place where the warp's first row begins, in elements of shared memory
  DEVICE void load(const T* shared, int row_place) {
    const int place = row_place + Tile<T, HS>::lane_rows();
#pragma unroll
    for (int m = 0; m < MT; m++) {
#pragma unroll
      for (int k = 0; k < HS / 16; k++) {
        Tile<T, HS>::fragment_a(kept_[m][k], shared, place + m * 16 * HS, k);
      }
    }
  }

  DEVICE void get(uint32_t (&a)[4], const T*, int m, int k) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      a[i] = kept_[m][k][i];
    }
  }

 private:
  uint32_t kept_[MT][HS / 16][4];
};

template <typename T, int HS, int MT>
class Operand<T, HS, MT, false> {
 public:
  DEVICE void load(const T*, int row_place) { place_ = row_place + Tile<T, HS>::lane_rows(); }

  DEVICE void get(uint32_t (&a)[4], const T* shared, int m, int k) const {
    Tile<T, HS>::fragment_a(a, shared + m * 16 * HS, place_, k);
  }

 private:
  int place_;
};

template <int MT, int NT>
DEVICE void clear(float (&d)[MT][NT][4]) {
#pragma unroll
  for (int m = 0; m < MT; m++) {
#pragma unroll
    for (int n = 0; n < NT; n++) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        d[m][n][i] = 0.0f;
      }
    }
  }
}

/// d += a tile^T: the columns of d are 8 NT rows of a tile; place is of the first in shared memory, with lane_columns().
template <int HS, typename T, int MT, int NT, bool KEPT>
DEVICE void multiply_transposed(float (&d)[MT][NT][4], const Operand<T, HS, MT, KEPT>& a, const T* shared,
                                int place) {
#pragma unroll
  for (int k = 0; k < HS / 16; k++) {
    uint32_t rows[MT][4];
#pragma unroll
    for (int m = 0; m < MT; m++) {
      a.get(rows[m], shared, m, k);
    }
#pragma unroll
    for (int n = 0; n < NT; n += 2) {
      uint32_t low[2];
      uint32_t high[2];
      Tile<T, HS>::fragment_b(low, high, shared + n * 8 * HS, place, k);
#pragma unroll
      for (int m = 0; m < MT; m++) {
        multiply_fragments<T>(d[m][n], rows[m], low);
        multiply_fragments<T>(d[m][n + 1], rows[m], high);
      }
    }
  }
}

/// d += T(a) tile: the columns of the accumulators a are 8 NT rows of a tile; place is of the first, with lane_rows().
template <int HS, typename T, int MT, int NT>
DEVICE void multiply(float (&d)[MT][HS / 8][4], const float (&a)[MT][NT][4], const T* shared, int place) {
#pragma unroll
  for (int k = 0; k < NT / 2; k++) {
    uint32_t rows[MT][4];
#pragma unroll
    for (int m = 0; m < MT; m++) {
      // The layout of two neighbouring 8-column accumulators is that of a 16-column A operand.
      const float(&left)[4] = a[m][2 * k];
      const float(&right)[4] = a[m][2 * k + 1];
      rows[m][0] = pair_of<T>(left[0], left[1]);
      rows[m][1] = pair_of<T>(left[2], left[3]);
      rows[m][2] = pair_of<T>(right[0], right[1]);
      rows[m][3] = pair_of<T>(right[2], right[3]);
    }
#pragma unroll
    for (int j = 0; j < HS / 16; j++) {
      uint32_t low[2];
      uint32_t high[2];
      Tile<T, HS>::fragment_b_trans(low, high, shared + k * 16 * HS, place, j);
#pragma unroll
      for (int m = 0; m < MT; m++) {
        multiply_fragments<T>(d[m][2 * j], rows[m], low);
        multiply_fragments<T>(d[m][2 * j + 1], rows[m], high);
      }
    }
  }
}

/// Sum over the four lanes that share a row of an accumulator.
DEVICE float quad_sum(float x) {
  x += __shfl_xor_sync(FULL_WARP, x, 1);
  return x + __shfl_xor_sync(FULL_WARP, x, 2);
}

/// Maximum over the four lanes that share a row of an accumulator.
DEVICE float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 1));
  return fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 2));
}
