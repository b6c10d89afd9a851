// Rows that are further apart than they are long, read as if they were not.
// plain: y\[[0-9]+\] is .* expected
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(64, planted_wrong_stride)(const float* x, float* y, int width, [[maybe_unused]] int stride) {
  for (int i = static_cast<int>(threadIdx.x); i < width; i += 64) {
    y[blockIdx.x * width + i] = x[blockIdx.x * width + i];  // planted: x's rows are stride apart
  }
}
EXPORT_KERNEL(planted_wrong_stride)

TEST(wrong_stride) {
  Array<float> x = uniform<float>(4 * 104, 0, 1);
  Array<float> y(4 * 100);
  launch("planted_wrong_stride", dim3(4), dim3(64), 0, x, y, 100, 104);
  expect_close("y", y, [&](size_t i) { return x.value(i / 100 * 104 + i % 100); }, 0, 0);
}
