// The tensor-core attention kernels in both 16-bit types against double precision: all head sizes, tiles that are cut off, documents and left padding,
// dropout; and the same bits however heads are grouped.
#include "attention_reference.h"

using namespace attention_test;

namespace {

const int SEQUENCES[] = {1, 17, 63, 65, 130};

template <typename T>
std::string kernel(const char* pass, const Problem& p) {
  return std::string("attention_") + pass + "_" + std::to_string(p.head_size) + (p.threshold != 0 ? "_dropout" : "") + SUFFIX<T>;
}

/// What the three kernels leave.
template <typename T>
struct Results {
  Array<T> out;
  Array<float> log_sum_exp;
  Array<float> correction;
  Array<T> d_qkv;
};

template <typename T>
Results<T> run(const Problem& p, const Array<T>& qkv, const Array<int>& first, const Array<T>& d_out, int heads_per_group) {
  const size_t elements = p.rows() * p.width();
  Results<T> r{Array<T>(elements), Array<float>(p.statistics()), Array<float>(p.statistics()), Array<T>(3 * elements)};
  const auto control = p.control();
  const int* visible = p.limited ? first.data() : nullptr;
  const unsigned blocks = p.batch * p.heads * ((p.sequence + 127) / 128);
  const int hs = p.head_size;
  const unsigned key_threads = hs > (p.threshold != 0 ? 32 : 64) ? 256 : 128;
  launch(kernel<T>("forward", p), dim3(blocks), dim3(128), (128 + 4 * 64) * hs * 2, qkv, visible, r.out, r.log_sum_exp, p.batch,
         p.sequence, p.heads, heads_per_group, p.threshold, p.site, control);
  launch(kernel<T>("query_gradient", p), dim3(blocks), dim3(128), (2 * 128 + 4 * 64) * hs * 2, d_out, qkv, r.out, r.log_sum_exp,
         visible, r.d_qkv, r.correction, p.batch, p.sequence, p.heads, heads_per_group, p.threshold, p.site, control);
  launch(kernel<T>("key_gradient", p), dim3(blocks), dim3(key_threads), (2 * 128 + 4 * 64) * hs * 2, d_out, qkv, r.log_sum_exp,
         r.correction, visible, r.d_qkv, p.batch, p.sequence, p.heads, heads_per_group, p.threshold, p.site, control);
  return r;
}

template <typename T>
void check_in(const Problem& p, double deviation) {
  auto qkv = uniform<T>(3 * p.rows() * p.width(), -1.7 * deviation, 1.7 * deviation, p.sequence);
  const auto d_out = uniform<T>(p.rows() * p.width(), -1.7, 1.7, 77);
  const auto first = p.first_visible();
  const Results<T> r = run(p, qkv, first, d_out, 2);
  const Reference expected(p, qkv, first, d_out, ROUNDINGS<T>);
  expected.out.check(p.text() + "out", r.out, ROUNDINGS<T>.store);
  expected.log_sum_exp.check(p.text() + "log_sum_exp", r.log_sum_exp, 0);
  expected.d_qkv.check(p.text() + "d_qkv", r.d_qkv, ROUNDINGS<T>.store);
}

void check(const Problem& p, double deviation = 1) {
  check_in<bf16>(p, deviation);
  check_in<f16>(p, deviation);
}

void check_head_size(int head_size) {
  for (int sequence : SEQUENCES) {
    check({2, sequence, 2, head_size});
    check({2, sequence, 1, head_size, 6554, true});
  }
  check({2, 130, 1, head_size, 0, true});
  check({1, 130, 1, head_size, 6554, false});
}

}  // namespace

TEST(attention_heads_of_32) { check_head_size(32); }
TEST(attention_heads_of_64) { check_head_size(64); }
TEST(attention_heads_of_96) { check_head_size(96); }
TEST(attention_heads_of_128) { check_head_size(128); }

TEST(attention_of_several_query_tiles) {
  check({1, 300, 1, 64});
  check({2, 257, 1, 64, 0, true});
  check({1, 257, 1, 64, 20000, false});
}

// A document that begins with the last key of a block, with the first of the next, or inside, and goes on beyond it.
TEST(attention_documents_at_edges_of_blocks) {
  for (int start : {63, 64, 127, 128, 129}) {
    check({1, 200, 1, 32, 0, true, start});
  }
}

// Scores of hundreds: the maximum must be tracked, or the powers overflow.
TEST(attention_of_large_scores) { check({1, 200, 1, 64}, 12); }

TEST(attention_same_bits_for_any_grouping) {
  const Problem p{2, 140, 3, 32, 6554, true};
  const auto qkv = uniform<bf16>(3 * p.rows() * p.width(), -1.7, 1.7);
  const auto d_out = uniform<bf16>(p.rows() * p.width(), -1.7, 1.7, 77);
  const auto first = p.first_visible();
  const Results<bf16> expected = run(p, qkv, first, d_out, 1);
  for (int heads_per_group : {2, 4, 6, 100}) {
    const Results<bf16> r = run(p, qkv, first, d_out, heads_per_group);
    expect_same("out", r.out, expected.out);
    expect_same("log_sum_exp", r.log_sum_exp, expected.log_sum_exp);
    expect_same("d_qkv", r.d_qkv, expected.d_qkv);
  }
}
