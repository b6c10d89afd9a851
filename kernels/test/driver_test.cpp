// The emulated driver's contract: asynchronous streams, events, captures, memory and modules, and the results of misuse.
#include <chrono>
#include <thread>

#include "../emulator/driver.h"
#include "kernel_test.h"

using namespace kernel_test;

extern "C" {
CUresult cuInit(unsigned);
CUresult cuDevicePrimaryCtxRetain(void**, int);
CUresult cuDevicePrimaryCtxRelease_v2(int);
CUresult cuCtxSetCurrent(void*);
CUresult cuCtxSynchronize();
CUresult cuGetErrorString(CUresult, const char**);
CUresult cuMemAlloc_v2(void**, size_t);
CUresult cuMemFree_v2(void*);
CUresult cuMemHostAlloc(void**, size_t, unsigned);
CUresult cuMemFreeHost(void*);
CUresult cuMemcpyHtoDAsync_v2(void*, const void*, size_t, void*);
CUresult cuMemcpyDtoHAsync_v2(void*, const void*, size_t, void*);
CUresult cuMemsetD32Async(void*, unsigned, size_t, void*);
CUresult cuStreamCreate(void**, unsigned);
CUresult cuStreamDestroy_v2(void*);
CUresult cuStreamSynchronize(void*);
CUresult cuStreamQuery(void*);
CUresult cuStreamWaitEvent(void*, void*, unsigned);
CUresult cuStreamBeginCapture_v2(void*, int);
CUresult cuStreamEndCapture(void*, void**);
CUresult cuEventCreate(void**, unsigned);
CUresult cuEventRecord(void*, void*);
CUresult cuEventSynchronize(void*);
CUresult cuEventQuery(void*);
CUresult cuEventElapsedTime(float*, void*, void*);
CUresult cuEventDestroy_v2(void*);
CUresult cuGraphInstantiateWithFlags(void**, void*, unsigned long long);
CUresult cuGraphGetNodes(void*, void**, size_t*);
CUresult cuGraphLaunch(void*, void*);
CUresult cuGraphDestroy(void*);
CUresult cuGraphExecDestroy(void*);
CUresult cuModuleLoadDataEx(void**, const void*, unsigned, int*, void**);
CUresult cuModuleGetFunction(void**, void*, const char*);
CUresult cuModuleUnload(void*);
CUresult cuFuncSetAttribute(void*, int, int);
CUresult cuLaunchKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**);
}

/// Adds to each element, slowly; with a bad count it writes past the end.
KERNEL(128, driver_add)(int* values, int count, int amount) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) {
    values[i] += amount;
  }
}
EXPORT_KERNEL(driver_add)

namespace {

const char* const PTX = R"(
.version 8.0
.target sm_80
.address_size 64
.visible .entry driver_add(
	.param .u64 .ptr .align 1 driver_add_param_0,
	.param .u32 driver_add_param_1,
	.param .u32 driver_add_param_2
)
.maxntid 128, 1, 1
{
	ret;
}
.visible .entry stale(
	.param .u64 stale_param_0
)
{
	ret;
}
)";

void must(CUresult result, const char* call) {
  if (result != CUDA_SUCCESS) {
    throw std::runtime_error(std::string(call) + " gave " + std::to_string(result));
  }
}
#define MUST(call) must(call, #call)

void gives(CUresult actual, CUresult expected, const char* call) {
  expect(actual == expected, std::string(call) + " gave " + std::to_string(actual) + ", not " + std::to_string(expected));
}
#define GIVES(call, code) gives(call, code, #call)

/// A context, a stream, 256 integers on the device, zero, and the function.
struct Device {
  Device() {
    void* context = nullptr;
    MUST(cuInit(0));
    MUST(cuDevicePrimaryCtxRetain(&context, 0));
    MUST(cuCtxSetCurrent(context));
    MUST(cuStreamCreate(&stream, 1));
    MUST(cuMemAlloc_v2(&memory, 1024));
    MUST(cuMemsetD32Async(memory, 0, 256, stream));
    MUST(cuModuleLoadDataEx(&module, PTX, 0, nullptr, nullptr));
    MUST(cuModuleGetFunction(&add, module, "driver_add"));
  }
  ~Device() { cuDevicePrimaryCtxRelease_v2(0); }

  CUresult launch(int count, int amount, void* on = nullptr, unsigned blocks = 2) {
    void* arguments[] = {&memory, &count, &amount};
    return cuLaunchKernel(add, blocks, 1, 1, 128, 1, 1, 0, on == nullptr ? stream : on, arguments, nullptr);
  }
  void expect_all(int expected) {
    int host[256];
    MUST(cuMemcpyDtoHAsync_v2(host, memory, sizeof host, stream));
    for (const int value : host) {
      if (value != expected) {
        failed("found " + std::to_string(value) + ", not " + std::to_string(expected));
        return;
      }
    }
  }

  void* stream = nullptr;
  void* memory = nullptr;
  void* module = nullptr;
  void* add = nullptr;
};

}  // namespace

TEST(driver_arguments_are_copied_at_the_launch) {
  Device device;
  for (int i = 0; i < 10; ++i) {
    MUST(device.launch(256, i));
  }
  device.expect_all(45);
}

TEST(driver_memory_is_not_a_number_at_first) {
  Device device;
  void* memory = nullptr;
  uint32_t bits = 0;
  MUST(cuMemAlloc_v2(&memory, 4));
  MUST(cuMemcpyDtoHAsync_v2(&bits, memory, 4, device.stream));
  expect(bits == 0xffffffffu, "new memory is NaN");
  expect(reinterpret_cast<uintptr_t>(memory) % 256 == 0, "256-byte aligned");
  MUST(cuMemFree_v2(memory));
  GIVES(cuMemFree_v2(memory), CUDA_ERROR_INVALID_VALUE);
  GIVES(cuMemAlloc_v2(&memory, 0), CUDA_ERROR_INVALID_VALUE);
  GIVES(cuMemAlloc_v2(&memory, size_t{1} << 50), CUDA_ERROR_OUT_OF_MEMORY);
  GIVES(cuMemcpyHtoDAsync_v2(device.memory, &bits, 2048, device.stream), CUDA_ERROR_INVALID_VALUE);
}

TEST(driver_pinned_memory_is_read_when_the_copy_runs) {
  Device device;
  void* other = nullptr;
  void* event = nullptr;
  int* host = nullptr;
  MUST(cuStreamCreate(&other, 1));
  MUST(cuEventCreate(&event, 2));
  MUST(cuMemHostAlloc(reinterpret_cast<void**>(&host), 1024, 0));
  std::fill_n(host, 256, 1);
  // The copy waits for an event at the end of much work on another stream.
  for (int i = 0; i < 20; ++i) {
    MUST(device.launch(0, 0, other, 300));
  }
  MUST(cuEventRecord(event, other));
  MUST(cuStreamWaitEvent(device.stream, event, 0));
  MUST(cuMemcpyHtoDAsync_v2(device.memory, host, 1024, device.stream));
  expect(cuStreamQuery(device.stream) == CUDA_ERROR_NOT_READY, "the call does not wait");
  std::fill_n(host, 256, 2);  // too early: a program's mistake, which the device sees
  device.expect_all(2);
  MUST(cuMemFreeHost(host));
}

TEST(driver_events_order_streams) {
  Device device;
  void* other = nullptr;
  void* start = nullptr;
  void* end = nullptr;
  MUST(cuStreamCreate(&other, 1));
  MUST(cuEventCreate(&start, 0));
  MUST(cuEventCreate(&end, 0));
  MUST(cuEventRecord(start, device.stream));
  MUST(device.launch(256, 3));
  MUST(cuEventRecord(end, device.stream));
  MUST(cuStreamWaitEvent(other, end, 0));
  MUST(device.launch(256, 4, other));
  MUST(cuStreamSynchronize(other));
  GIVES(cuEventQuery(end), CUDA_SUCCESS);
  float milliseconds = -1;
  MUST(cuEventElapsedTime(&milliseconds, start, end));
  expect(milliseconds >= 0, "time does not run backwards");
  device.expect_all(7);
  MUST(cuEventDestroy_v2(end));
  GIVES(cuEventDestroy_v2(end), CUDA_ERROR_INVALID_HANDLE);
  void* untimed = nullptr;
  MUST(cuEventCreate(&untimed, 2));
  MUST(cuEventRecord(untimed, device.stream));
  MUST(cuEventSynchronize(untimed));
  GIVES(cuEventElapsedTime(&milliseconds, start, untimed), CUDA_ERROR_INVALID_HANDLE);
}

TEST(driver_captures_replay) {
  Device device;
  void* other = nullptr;
  void* fork = nullptr;
  void* join = nullptr;
  void* graph = nullptr;
  void* executable = nullptr;
  MUST(cuStreamCreate(&other, 1));
  MUST(cuEventCreate(&fork, 2));
  MUST(cuEventCreate(&join, 2));
  MUST(cuStreamBeginCapture_v2(device.stream, 0));
  MUST(device.launch(256, 1));
  MUST(cuEventRecord(fork, device.stream));
  MUST(cuStreamWaitEvent(other, fork, 0));
  MUST(device.launch(256, 10, other));
  GIVES(cuEventQuery(fork), CUDA_ERROR_CAPTURED_EVENT);
  MUST(cuEventRecord(join, other));
  MUST(cuStreamWaitEvent(device.stream, join, 0));
  MUST(cuStreamEndCapture(device.stream, &graph));
  size_t nodes = 0;
  MUST(cuGraphGetNodes(graph, nullptr, &nodes));
  expect(nodes == 2, "two kernels");
  device.expect_all(0);  // nothing ran
  MUST(cuGraphInstantiateWithFlags(&executable, graph, 0));
  MUST(cuGraphDestroy(graph));
  for (int i = 0; i < 3; ++i) {
    MUST(cuGraphLaunch(executable, device.stream));
  }
  device.expect_all(33);
  MUST(cuGraphExecDestroy(executable));
  GIVES(cuGraphLaunch(executable, device.stream), CUDA_ERROR_INVALID_HANDLE);
}

TEST(driver_refuses_in_captures) {
  Device device;
  void* graph = nullptr;
  void* memory = nullptr;
  MUST(cuStreamBeginCapture_v2(device.stream, 0));
  GIVES(cuStreamSynchronize(device.stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  GIVES(device.launch(256, 1), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  GIVES(cuStreamEndCapture(device.stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  MUST(cuStreamBeginCapture_v2(device.stream, 0));
  GIVES(cuMemAlloc_v2(&memory, 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  GIVES(cuStreamEndCapture(device.stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  // A stream that took part and was not waited for.
  void* other = nullptr;
  void* event = nullptr;
  MUST(cuStreamCreate(&other, 1));
  MUST(cuEventCreate(&event, 2));
  MUST(cuStreamBeginCapture_v2(device.stream, 0));
  MUST(cuEventRecord(event, device.stream));
  MUST(cuStreamWaitEvent(other, event, 0));
  MUST(device.launch(256, 1, other));
  GIVES(cuStreamEndCapture(device.stream, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
}

TEST(driver_refuses_launches) {
  Device device;
  void* stale = nullptr;
  GIVES(cuModuleGetFunction(&stale, device.module, "missing"), CUDA_ERROR_NOT_FOUND);
  GIVES(cuModuleGetFunction(&stale, device.module, "stale"), CUDA_ERROR_INVALID_PTX);
  int count = 0;
  void* arguments[] = {&device.memory, &count, &count};
  GIVES(cuLaunchKernel(device.add, 1, 1, 1, 129, 1, 1, 0, device.stream, arguments, nullptr), CUDA_ERROR_INVALID_VALUE);
  GIVES(cuLaunchKernel(device.add, 1, 1, 1, 128, 1, 1, 50000, device.stream, arguments, nullptr), CUDA_ERROR_INVALID_VALUE);
  MUST(cuFuncSetAttribute(device.add, 8, 50000));
  MUST(cuLaunchKernel(device.add, 1, 1, 1, 128, 1, 1, 50000, device.stream, arguments, nullptr));
  GIVES(cuFuncSetAttribute(device.add, 8, 1 << 20), CUDA_ERROR_INVALID_VALUE);
  GIVES(cuLaunchKernel(device.add, 1, 1, 1, 128, 1, 1, 0, &count, arguments, nullptr), CUDA_ERROR_INVALID_HANDLE);
  void* module = nullptr;
  char log[100] = "";
  int options[] = {5, 6};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log)};
  GIVES(cuModuleLoadDataEx(&module, "not PTX", 2, options, values), CUDA_ERROR_INVALID_PTX);
  expect(log[0] != '\0', "the compiler says why");
  const std::string newer = "\n.version 9.0\n.target sm_80\n.address_size 64\n";
  GIVES(cuModuleLoadDataEx(&module, newer.c_str(), 0, nullptr, nullptr), CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
  const std::string blackwell = "\n.version 8.0\n.target sm_100\n.address_size 64\n";
  GIVES(cuModuleLoadDataEx(&module, blackwell.c_str(), 0, nullptr, nullptr), CUDA_ERROR_NO_BINARY_FOR_GPU);
}

#ifndef GPT_EMULATOR_ASAN
TEST(driver_reports_overruns_and_freed_memory) {
  const char* text = nullptr;
  {
    Device device;
    MUST(device.launch(257, 1, nullptr, 3));
    GIVES(cuStreamSynchronize(device.stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    MUST(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
    expect(std::string(text).find("driver_add") != std::string::npos, text);
    GIVES(device.launch(1, 1), CUDA_ERROR_ILLEGAL_ADDRESS);  // the context is lost
  }
  {
    Device device;
    MUST(cuMemFree_v2(device.memory));
    MUST(device.launch(1, 1));
    GIVES(cuStreamSynchronize(device.stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    MUST(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
    expect(std::string(text).find("freed") != std::string::npos, text);
  }
}
#endif

TEST(driver_needs_a_context) {
  Device device;
  MUST(cuCtxSetCurrent(nullptr));
  void* memory = nullptr;
  GIVES(cuMemAlloc_v2(&memory, 16), CUDA_ERROR_INVALID_CONTEXT);
}
