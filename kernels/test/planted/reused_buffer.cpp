// A shared buffer that is written again while others still read it: the barrier at the loop's end is missing. In the order of
// the threads' numbers the result is right.
// shuffled: y\[[0-9]+\] is
// tsan: ThreadSanitizer: data race
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(64, planted_reused_buffer)(const float* x, float* y, int rows) {
  SHARED(float, s, [64]);
  float sum = 0;
  for (int row = 0; row < rows; ++row) {
    s[threadIdx.x] = x[row * 64 + threadIdx.x];
    __syncthreads();
    sum += s[threadIdx.x ^ 32];
    // planted: __syncthreads() is missing
  }
  y[threadIdx.x] = sum;
}
EXPORT_KERNEL(planted_reused_buffer)

TEST(reused_buffer) {
  Array<float> x = uniform<float>(64 * 8, 0, 1);
  Array<float> y(64);
  launch("planted_reused_buffer", dim3(1), dim3(64), 0, x, y, 8);
  expect_close("y", y, [&](size_t i) {
    double sum = 0;
    for (size_t row = 0; row < 8; ++row) {
      sum += x.value(row * 64 + (i ^ 32));
    }
    return sum;
  }, 1e-5, 0);
}
