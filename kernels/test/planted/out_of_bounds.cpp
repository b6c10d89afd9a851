// A read one past the end of an array.
// plain: y\[255\] is -?nan
// asan: AddressSanitizer: use-after-poison
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(256, planted_out_of_bounds)(const float* x, float* y, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) {
    y[i] = x[i] + x[i + 1];  // planted: the last thread has no neighbour
  }
}
EXPORT_KERNEL(planted_out_of_bounds)

TEST(out_of_bounds) {
  Array<float> x = uniform<float>(256, 0, 1);
  Array<float> y(256);
  launch("planted_out_of_bounds", dim3(1), dim3(256), 0, x, y, 256);
  expect_close("y", y, [&](size_t i) { return i < 255 ? x.value(i) + x.value(i + 1) : x.value(i); }, 1e-6, 0);
}
