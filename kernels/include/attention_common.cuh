// What the attention kernels share: which block does what, and which keys a query sees.
//
// Letters: B samples, T positions, NH heads, HS head size, C = NH HS. qkv and dQkv are (B, T, 3C), q of all heads, then k,
// then v; out and dOut are (B, T, C); log_sum_exp and correction are (B, NH, T).
#pragma once

#include "cuda_compat.cuh"

constexpr float LOG2_E = 1.4426950408889634f;
constexpr float LN_2 = 0.6931471805599453f;

/// One block's share: a tile of one head of one sample.
struct AttentionWork {
  int tile;
  int head;
  int sample;

  /// Block index to share, for a grid of B NH tiles blocks. Heads are taken in groups whose keys and values stay in the L2
  /// cache; within a group all tiles of one place come before those of the next, so that the longest can come first.
  DEVICE AttentionWork(int tiles, int batch, int heads, int heads_per_group) {
    const int block = static_cast<int>(blockIdx.x);
    const int all = batch * heads;
    const int group = block / (tiles * heads_per_group);
    const int first = group * heads_per_group;
    const int members = min(heads_per_group, all - first);
    const int rest = block - first * tiles;
    tile = rest / members;
    const int row = first + rest % members;
    sample = row / heads;
    head = row % heads;
  }
};

/// The first and the last first-visible index of some queries; every lane of the warp gets them. 0 and 0 without indices.
struct VisibleRange {
  int lowest = 0;
  int highest = 0;

  VisibleRange() = default;

  DEVICE VisibleRange(const int* __restrict__ first_visible, int query, int count, int sequence) {
    if (first_visible != nullptr) {
      lowest = sequence;
      for (int i = static_cast<int>(threadIdx.x & 31); i < count; i += 32) {
        const int first = first_visible[min(query + i, sequence - 1)];
        lowest = min(lowest, first);
        highest = max(highest, first);
      }
#pragma unroll
      for (int distance = 16; distance > 0; distance >>= 1) {
        lowest = min(lowest, __shfl_xor_sync(FULL_WARP, lowest, distance));
        highest = max(highest, __shfl_xor_sync(FULL_WARP, highest, distance));
      }
    }
  }
};

/// Scores of keys that a query does not see become minus infinity.
template <int MT, int NT>
DEVICE void mask_scores(float (&s)[MT][NT][4], int query, int key, const int* __restrict__ first_visible, int sequence) {
  const int lane = threadIdx.x & 31;
#pragma unroll
  for (int m = 0; m < MT; m++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int row = query + m * 16 + half * 8 + (lane >> 2);
      const int first = first_visible == nullptr ? 0 : first_visible[min(row, sequence - 1)];
#pragma unroll
      for (int n = 0; n < NT; n++) {
#pragma unroll
        for (int e = 0; e < 2; e++) {
          const int column = key + n * 8 + 2 * (lane & 3) + e;
          if (column > row || column < first) {
            s[m][n][2 * half + e] = -INFINITY;
          }
        }
      }
    }
  }
}
