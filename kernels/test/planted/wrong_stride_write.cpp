// Rows written further apart than they are: beyond the array's end.
// plain: wrote outside of an array
// asan: AddressSanitizer: use-after-poison
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(64, planted_wrong_stride_write)(const float* x, float* y, int width) {
  for (int i = static_cast<int>(threadIdx.x); i < width; i += 64) {
    y[blockIdx.x * (width + 8) + i] = x[blockIdx.x * width + i];  // planted: y's rows are width apart
  }
}
EXPORT_KERNEL(planted_wrong_stride_write)

TEST(wrong_stride_write) {
  Array<float> x = uniform<float>(400, 0, 1);
  Array<float> y(400);
  launch("planted_wrong_stride_write", dim3(4), dim3(64), 0, x, y, 100);
}
