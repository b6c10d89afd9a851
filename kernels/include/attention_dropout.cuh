// Dropout of softmax weights in the attention kernels (io.gptjava.core.DropoutLayout): scores lie in tiles of 16 queries by 16
// keys, each with 32 Philox blocks of the eight values that one lane holds of a pair of m16n8 accumulators.
#pragma once

#include "philox.cuh"

/// Of one head. With ACTIVE false nothing is dropped and nothing of this is computed.
template <bool ACTIVE>
class AttentionDropout {
 public:
  /// @param row the head's place in the micro-batch, sample NH + head
  DEVICE AttentionDropout(unsigned threshold, unsigned site, const StepControl* __restrict__ control, int row, int heads,
                          int sequence)
      : dropout_(ACTIVE ? threshold : 0, site, control), tiles_((sequence + 15) >> 4) {
    first_ = (static_cast<uint64_t>(dropout_.first_sample) * static_cast<unsigned>(heads) + static_cast<unsigned>(row)) *
             static_cast<unsigned>(tiles_);
  }

  /// What kept weights are multiplied by: 1 / (1 - p).
  DEVICE float scale() const { return ACTIVE ? dropout_.scale : 1.0f; }

  /// Zeroes what is dropped of accumulators whose rows are queries from `query`, and columns keys from `key`.
  template <int MT, int NT>
  DEVICE void apply(float (&s)[MT][NT][4], int query, int key) const {
    if (ACTIVE) {
#pragma unroll
      for (int m = 0; m < MT; m++) {
#pragma unroll
        for (int n = 0; n < NT; n += 2) {
          const PhiloxBlock block = draw((query >> 4) + m, (key >> 4) + n / 2, static_cast<int>(threadIdx.x & 31));
          zero(s[m][n][0], s[m][n][1], block.word[0]);
          zero(s[m][n][2], s[m][n][3], block.word[1]);
          zero(s[m][n + 1][0], s[m][n + 1][1], block.word[2]);
          zero(s[m][n + 1][2], s[m][n + 1][3], block.word[3]);
        }
      }
    }
  }

  /// What is kept of one tile, for a lane that holds it transposed: rows are keys, columns are queries.
  class Transposed {
   public:
    /// Element i of the lane's left (0) or right (1) accumulator.
    DEVICE bool keeps(int right, int i) const {
      const unsigned word = words_[i & 1][i >> 1];
      return !ACTIVE || (right == 0 ? word << 16 : word) >= shifted_;
    }

   private:
    friend class AttentionDropout;
    unsigned words_[2][2];  // of query 2c (low half) and 2c+8 (high), then 2c+1 and 2c+9; with key g, then g+8
    unsigned shifted_;
  };

  /// Draws a tile transposed. With g = lane / 4 and c = lane % 4, the lane's values are the halves g & 1 of Philox blocks
  /// 8c + g / 2 (queries 2c, 2c+8) and 8c + 4 + g / 2. The other halves of both belong to the lane with the other parity of g,
  /// so each of the two draws one of the blocks and hands the other its half.
  DEVICE Transposed draw_transposed(int tile_i, int tile_j) const {
    Transposed t;
    if (ACTIVE) {
      const int lane = threadIdx.x & 31;
      const bool odd = (lane & 4) != 0;
      const PhiloxBlock block = draw(tile_i, tile_j, ((lane & 3) << 3) + (lane & 4) + (lane >> 3));
      t.shifted_ = dropout_.threshold << 16;
#pragma unroll
      for (int key_half = 0; key_half < 2; key_half++) {
        const unsigned first = block.word[2 * key_half];
        const unsigned second = block.word[2 * key_half + 1];
        const unsigned low = (first & 0xffffu) | second << 16;
        const unsigned high = first >> 16 | (second & 0xffff0000u);
        const unsigned given = __shfl_xor_sync(FULL_WARP, odd ? low : high, 4);
        t.words_[0][key_half] = odd ? given : low;
        t.words_[1][key_half] = odd ? high : given;
      }
    }
    return t;
  }

  /// Eight bits of one Philox block (0 .. 31) of a tile, set where a weight is kept: query half 0 with keys 2c, 2c+1, 2c+8,
  /// 2c+9, then query half 1.
  DEVICE unsigned kept(int tile_i, int tile_j, int block) const {
    const PhiloxBlock words = draw(tile_i, tile_j, block);
    unsigned bits = 0;
#pragma unroll
    for (int lane = 0; lane < 8; lane++) {
      const int bit = (lane >> 1 & 1) * 4 + (lane >> 2) * 2 + (lane & 1);
      bits |= (words.lane(lane) >= dropout_.threshold ? 1u : 0u) << bit;
    }
    return bits;
  }

 private:
  DEVICE PhiloxBlock draw(int tile_i, int tile_j, int block) const {
    const uint64_t tile = (first_ + static_cast<unsigned>(tile_i)) * static_cast<unsigned>(tiles_) + static_cast<unsigned>(tile_j);
    return dropout_.draw(tile * 32 + static_cast<unsigned>(block));
  }

  DEVICE void zero(float& low, float& high, unsigned word) const {
    const unsigned shifted = dropout_.threshold << 16;  // a comparison of upper halves needs no extraction
    low = word << 16 >= shifted ? low : 0.0f;
    high = word >= shifted ? high : 0.0f;
  }

  Dropout dropout_;
  int tiles_;
  uint64_t first_;
};
