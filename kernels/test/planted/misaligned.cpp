// A 16-byte load from an address that is not a multiple of 16: a row of odd width.
// asan: misaligned address
#include "../kernel_test.h"

using namespace kernel_test;

KERNEL(32, planted_misaligned)(const float* x, float* y, int width) {
  const float4 v = *reinterpret_cast<const float4*>(x + blockIdx.x * width);  // planted: width need not be a multiple of 4
  y[blockIdx.x] = v.x + v.y + v.z + v.w;
}
EXPORT_KERNEL(planted_misaligned)

TEST(misaligned) {
  Array<float> x = uniform<float>(20, 0, 1);
  Array<float> y(4);
  launch("planted_misaligned", dim3(4), dim3(1), 0, x, y, 5);
}
