// Causal attention and its gradient in double precision, as io.gptjava.core.reference.ReferenceAttention, with dropout masks as
// io.gptjava.core.DropoutLayout defines them, and bounds of what roundings allow.
#pragma once

#include "reference.h"

namespace attention_test {

using namespace kernel_test;

/// Philox4x32-10 word by word, written apart from the kernels'.
inline unsigned philox_word(uint64_t seed, uint64_t index, unsigned step, unsigned site, int word) {
  uint64_t counter[4] = {index & 0xffffffffu, index >> 32, step, site};
  uint64_t key[2] = {seed & 0xffffffffu, seed >> 32};
  for (int round = 0; round < 10; round++) {
    const uint64_t a = 0xD2511F53ull * counter[0];
    const uint64_t b = 0xCD9E8D57ull * counter[2];
    const uint64_t next[4] = {b >> 32 ^ counter[1] ^ key[0], b & 0xffffffffu, a >> 32 ^ counter[3] ^ key[1], a & 0xffffffffu};
    std::copy(next, next + 4, counter);
    key[0] = (key[0] + 0x9E3779B9u) & 0xffffffffu;
    key[1] = (key[1] + 0xBB67AE85u) & 0xffffffffu;
  }
  return static_cast<unsigned>(counter[word]);
}

/// Roundings of a kind of kernel, relative: of stored results and operands of products, and of fp32 arithmetic.
struct Roundings {
  double store;
  double arithmetic;
  double underflow;  // of an operand of products below its type's normal range, absolute
};
constexpr Roundings FLOAT = {0x1p-24, 2e-6, 0};
constexpr Roundings BFLOAT = {0x1p-8, 4e-6, 0};
constexpr Roundings HALF = {0x1p-11, 4e-6, UNDERFLOW_ROUNDOFF<f16>};

template <typename T>
constexpr Roundings ROUNDINGS = FLOAT;
template <>
constexpr Roundings ROUNDINGS<bf16> = BFLOAT;
template <>
constexpr Roundings ROUNDINGS<f16> = HALF;

struct Problem {
  int batch;
  int sequence;
  int heads;
  int head_size;
  unsigned threshold = 0;
  bool limited = false;
  int second_document = 0;  // where it begins, in all samples; 0: see first_visible

  unsigned site = 3u << 24 | 5;
  uint64_t seed = 0x123456789abcdef0ull;
  unsigned step = 17;
  unsigned first_sample = 3;

  int width() const { return heads * head_size; }
  size_t rows() const { return static_cast<size_t>(batch) * sequence; }
  size_t statistics() const { return rows() * heads; }
  double scale() const { return 65536.0 / (65536.0 - threshold); }

  std::string text() const {
    return "B " + std::to_string(batch) + " T " + std::to_string(sequence) + " NH " + std::to_string(heads) + " HS " +
           std::to_string(head_size) + (threshold != 0 ? " dropout" : "") + (limited ? " limited" : "") + ": ";
  }

  /// Two documents; or a boundary every seven positions on average in even samples, left padding in odd ones.
  Array<int> first_visible() const {
    Array<int> first(rows());
    Random random(9);
    for (int b = 0; b < batch; b++) {
      int start = 0;
      for (int i = 0; i < sequence; i++) {
        if (second_document != 0) {
          start = i < second_document ? 0 : second_document;
        } else {
          start = b % 2 == 1 ? std::min(i, sequence / 3) : random.uniform() < 0.15 ? i : start;
        }
        first[static_cast<size_t>(b) * sequence + i] = start;
      }
    }
    return first;
  }

  Array<StepControl> control() const {
    Array<StepControl> control(1);
    control[0] = StepControl{};
    control[0].seed = seed;
    control[0].step = step;
    control[0].first_sample = first_sample;
    return control;
  }

  /// 0, or what the weight is multiplied by.
  double mask(int b, int h, int i, int j) const {
    if (threshold == 0) {
      return 1;
    }
    const uint64_t tiles = (sequence + 15) / 16;
    const uint64_t head = (static_cast<uint64_t>(first_sample) + b) * heads + h;
    const uint64_t tile = (head * tiles + i / 16) * tiles + j / 16;
    const int lane = (j / 8 % 2) * 4 + (i / 8 % 2) * 2 + j % 2;
    const unsigned word = philox_word(seed, tile * 32 + i % 8 * 4 + j % 8 / 2, step, site, lane / 2);
    return (word >> lane % 2 * 16 & 0xffff) >= threshold ? scale() : 0;
  }
};

/// Expected values and how far off an element may be.
struct Expected {
  std::vector<double> value;
  std::vector<double> bound;

  explicit Expected(size_t size) : value(size), bound(size) {}

  template <typename T>
  void check(const std::string& what, const Array<T>& actual, double store) const {
    size_t wrong = 0;
    std::string message;
    for (size_t i = 0; i < value.size(); i++) {
      if (!close(actual.value(i), value[i], store, bound[i] + UNDERFLOW_ROUNDOFF<T> + 1e-30) && ++wrong <= 3) {
        message += mismatch(what, i, actual.value(i), value[i]);
      }
    }
    expect(wrong == 0, message + std::to_string(wrong) + " of " + std::to_string(value.size()) + " elements wrong");
  }
};

/// Forward and backward of one problem.
struct Reference {
  Expected out;
  Expected log_sum_exp;
  Expected d_qkv;

  template <typename T>
  Reference(const Problem& p, const Array<T>& qkv, const Array<int>& first, const Array<T>& d_out, Roundings eps)
      : out(p.rows() * p.width()), log_sum_exp(p.statistics()), d_qkv(3 * p.rows() * p.width()) {
    const int hs = p.head_size;
    const int c = p.width();
    const double root = 1 / std::sqrt(static_cast<double>(hs));
    const auto at = [&](int b, int t, int third, int h) {
      return (static_cast<size_t>(b) * p.sequence + t) * 3 * c + static_cast<size_t>(third) * c + static_cast<size_t>(h) * hs;
    };
    const auto dot = [&](const Array<T>& x, size_t i, const Array<T>& y, size_t j, bool absolute) {
      double sum = 0;
      for (int d = 0; d < hs; d++) {
        const double product = x.value(i + d) * y.value(j + d);
        sum += absolute ? std::fabs(product) : product;
      }
      return sum;
    };
    std::vector<double> weight(p.sequence);
    std::vector<double> size(p.sequence);
    for (int b = 0; b < p.batch; b++) {
      for (int h = 0; h < p.heads; h++) {
        for (int i = 0; i < p.sequence; i++) {
          const int from = p.limited ? first[static_cast<size_t>(b) * p.sequence + i] : 0;
          const size_t row = (static_cast<size_t>(b) * p.sequence + i) * c + static_cast<size_t>(h) * hs;
          double most = -INFINITY;
          double largest = 0;
          for (int j = from; j <= i; j++) {
            weight[j] = root * dot(qkv, at(b, i, 0, h), qkv, at(b, j, 1, h), false);
            size[j] = root * dot(qkv, at(b, i, 0, h), qkv, at(b, j, 1, h), true);
            most = std::max(most, weight[j]);
            largest = std::max(largest, size[j]);
          }
          double sum = 0;
          for (int j = from; j <= i; j++) {
            sum += std::exp(weight[j] - most);
          }
          const double log_sum = most + std::log(sum);
          const size_t statistic = (static_cast<size_t>(b) * p.heads + h) * p.sequence + i;
          log_sum_exp.value[statistic] = log_sum;
          log_sum_exp.bound[statistic] = eps.arithmetic * (1 + largest);
          double correction = 0;
          double correction_size = 0;
          for (int j = from; j <= i; j++) {
            weight[j] = std::exp(weight[j] - log_sum);
            const double kept = weight[j] * p.mask(b, h, i, j);
            const double error = kept * (eps.store + eps.arithmetic * (1 + size[j] + largest)) + p.scale() * eps.underflow;
            for (int d = 0; d < hs; d++) {
              const double v = qkv.value(at(b, j, 2, h) + d);
              out.value[row + d] += kept * v;
              out.bound[row + d] += error * std::fabs(v);
            }
            correction += kept * dot(d_out, row, qkv, at(b, j, 2, h), false);
            correction_size += kept * dot(d_out, row, qkv, at(b, j, 2, h), true);
          }
          for (int j = from; j <= i; j++) {
            const double mask = p.mask(b, h, i, j);
            const double d_weight = mask * dot(d_out, row, qkv, at(b, j, 2, h), false);
            const double d_weight_size = mask * dot(d_out, row, qkv, at(b, j, 2, h), true);
            const double relative = eps.arithmetic * (1 + size[j] + largest);
            const double d_score = weight[j] * (d_weight - correction) * root;
            // The saved output, rounded, enters the correction.
            const double error = root * weight[j] * (relative * (d_weight_size + correction_size) +
                                                     eps.store * (std::fabs(d_weight - correction) + correction_size)) +
                                 root * p.scale() * eps.underflow;
            const double kept = weight[j] * mask;
            for (int d = 0; d < hs; d++) {
              const size_t q = at(b, i, 0, h) + d;
              const size_t k = at(b, j, 1, h) + d;
              const size_t v = at(b, j, 2, h) + d;
              d_qkv.value[q] += d_score * qkv.value(k);
              d_qkv.bound[q] += error * std::fabs(qkv.value(k));
              d_qkv.value[k] += d_score * qkv.value(q);
              d_qkv.bound[k] += error * std::fabs(qkv.value(q));
              d_qkv.value[v] += kept * d_out.value(row + d);
              d_qkv.bound[v] += (kept * (relative + eps.store) + p.scale() * eps.underflow) * std::fabs(d_out.value(row + d));
            }
          }
        }
      }
    }
  }
};

}  // namespace attention_test
