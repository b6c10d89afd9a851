// The plain attention kernels against double precision, in fp32 and the 16-bit types, for any head size.
#include "attention_reference.h"

using namespace attention_test;

namespace {

template <typename T>
void check(const Problem& p, double deviation = 1) {
  constexpr Roundings eps = ROUNDINGS<T>;
  const std::string suffix = SUFFIX<T>;
  const int slice = p.head_size <= 64 ? 64 : 128;
  const std::string name = std::to_string(slice) + suffix;
  const size_t elements = p.rows() * p.width();
  const auto qkv = uniform<T>(3 * elements, -1.7 * deviation, 1.7 * deviation, p.sequence);
  const auto d_out = uniform<T>(elements, -1.7, 1.7, 77);
  const auto first = p.first_visible();
  const auto control = p.control();
  const int* visible = p.limited ? first.data() : nullptr;
  Array<T> out(elements);
  Array<T> d_qkv(3 * elements);
  Array<float> log_sum_exp(p.statistics());
  Array<float> correction(p.statistics());
  const dim3 grid(p.batch * p.heads * ((p.sequence + 63) / 64), (p.head_size + slice - 1) / slice);
  const int shared = (64 * 68 + 64 * std::max(slice, 68)) * 4;
  launch("attention_plain_forward_" + name, grid, dim3(256), shared, qkv, visible, out, log_sum_exp, p.batch, p.sequence,
         p.heads, p.head_size, 2, p.threshold, p.site, control);
  launch("attention_plain_correction" + suffix, dim3((p.statistics() + 7) / 8), dim3(256), 0, d_out, out, correction, p.batch,
         p.sequence, p.heads, p.head_size, p.threshold);
  launch("attention_plain_query_gradient_" + name, grid, dim3(256), shared, d_out, qkv, log_sum_exp, correction, visible, d_qkv,
         p.batch, p.sequence, p.heads, p.head_size, 2, p.threshold, p.site, control);
  launch("attention_plain_key_gradient_" + name, grid, dim3(256), shared, d_out, qkv, log_sum_exp, correction, visible, d_qkv,
         p.batch, p.sequence, p.heads, p.head_size, 2, p.threshold, p.site, control);
  const Reference expected(p, qkv, first, d_out, eps);
  expected.out.check(p.text() + "out", out, eps.store);
  expected.log_sum_exp.check(p.text() + "log_sum_exp", log_sum_exp, 0);
  expected.d_qkv.check(p.text() + "d_qkv", d_qkv, eps.store);
}

}  // namespace

TEST(attention_plain_f32) {
  for (int sequence : {1, 17, 63, 65, 130}) {
    check<float>({2, sequence, 2, 64});
    check<float>({2, sequence, 1, 16, 6554, true});
  }
}

TEST(attention_plain_of_any_head_size) {
  for (int head_size : {1, 5, 33, 80, 128, 130}) {
    check<float>({1, 67, 2, head_size, 6554, true});
  }
}

TEST(attention_plain_16_bits) {
  check<bf16>({2, 67, 3, 5, 6554, true});
  check<f16>({2, 67, 3, 5, 6554, true});
  check<bf16>({1, 130, 1, 80});
  check<f16>({1, 130, 1, 80});
}

TEST(attention_plain_of_large_scores) { check<float>({1, 100, 1, 64}, 12); }
