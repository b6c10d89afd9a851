// The device, its primary context, and what results mean.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"
#include "runtime.h"

namespace emu {

namespace {

std::atomic<bool> initialized{false};
std::atomic<int> retained{0};
char context_object;  // its address is the handle
__thread void* current_context __attribute__((tls_model("initial-exec")));

std::mutex failure_mutex;
CUresult failure = CUDA_SUCCESS;
std::string failure_report;
std::string failure_text;  // what cuGetErrorString returns stays valid

constexpr int DEVICE = 0;

}  // namespace

int compute_capability() {
  static const int capability = static_cast<int>(environment("GPT_EMULATOR_SM", 90));
  return capability;
}

size_t max_shared() { return compute_capability() >= 90 ? MAX_SHARED : 163 << 10; }

size_t total_memory() {
  static const size_t bytes = environment("GPT_EMULATOR_MEMORY_MB", 8192) << 20;
  return bytes;
}

CUresult ready() {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (current_context != &context_object || retained == 0) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  return device_failure();
}

void device_failed(CUresult result, const std::string& report) {
  std::fprintf(stderr, "CUDA emulator: %s\n", report.c_str());
  const std::lock_guard<std::mutex> lock(failure_mutex);
  if (failure == CUDA_SUCCESS) {
    failure = result;
    failure_report = report;
  }
}

CUresult device_failure() {
  const std::lock_guard<std::mutex> lock(failure_mutex);
  return failure;
}

std::string device_report() {
  const std::lock_guard<std::mutex> lock(failure_mutex);
  return failure_report;
}

}  // namespace emu

using namespace emu;

EXPORTED CUresult cuInit(unsigned flags) {
  if (flags != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  initialized = true;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuDriverGetVersion(int* version) {
  if (version == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *version = 12080;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuGetErrorName(CUresult error, const char** text) {
#define GPT_EMULATOR_NAME(name, number, description) \
  if (error == number) {                             \
    *text = #name;                                   \
    return CUDA_SUCCESS;                             \
  }
  GPT_EMULATOR_RESULTS(GPT_EMULATOR_NAME)
  *text = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

/// As the driver's, and after a failure of the device what the failure was.
EXPORTED CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = nullptr;
#define GPT_EMULATOR_TEXT(name, number, description) \
  if (error == number) {                             \
    *text = description;                             \
  }
  GPT_EMULATOR_RESULTS(GPT_EMULATOR_TEXT)
  const std::lock_guard<std::mutex> lock(failure_mutex);
  if (*text != nullptr && error != CUDA_SUCCESS && error == failure) {
    failure_text = std::string(*text) + ": " + failure_report;
    *text = failure_text.c_str();
  }
  return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetCount(int* count) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  *count = 1;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGet(int* device, int ordinal) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (ordinal != DEVICE) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  *device = DEVICE;
  return CUDA_SUCCESS;
}

static CUresult text(char* out, int length, int device, const char* value) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (device != DEVICE) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  if (out == nullptr || length <= 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::strncpy(out, value, static_cast<size_t>(length));
  out[length - 1] = '\0';
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetName(char* name, int length, int device) {
  return text(name, length, device, compute_capability() >= 90 ? "Host emulator (sm_90)" : "Host emulator (sm_80)");
}

EXPORTED CUresult cuDeviceGetPCIBusId(char* id, int length, int device) {
  return text(id, length, device, "0000:65:00.0");
}

EXPORTED CUresult cuDeviceTotalMem_v2(size_t* bytes, int device) {
  if (device != DEVICE) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  *bytes = total_memory();
  return initialized ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

EXPORTED CUresult cuDeviceGetAttribute(int* value, int attribute, int device) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (device != DEVICE) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  const bool hopper = compute_capability() >= 90;
  switch (attribute) {
    case 1: case 2: case 3: *value = MAX_THREADS; break;  // threads of a block, and its x and y
    case 4: *value = 64; break;                           // block z
    case 5: *value = 0x7fffffff; break;                   // grid x
    case 6: case 7: *value = MAX_GRID_YZ; break;          // grid y, z
    case 8: *value = DEFAULT_SHARED; break;               // shared memory of a block
    case 9: *value = 64 << 10; break;                     // constant memory
    case 10: *value = warpSize; break;
    case 12: case 82: *value = 64 << 10; break;           // registers of a block, of a multiprocessor
    case 13: *value = 1000000; break;                     // kHz
    case 16: *value = 4; break;                           // multiprocessors: few, so that grid-stride loops go round
    case 33: *value = 0x65; break;                        // PCI bus
    case 34: case 50: *value = 0; break;                  // PCI device, domain
    case 36: *value = 1000000; break;                     // memory, kHz
    case 37: *value = 1024; break;                        // bus width, bits
    case 38: *value = 1 << 20; break;                     // L2 bytes
    case 39: *value = 2048; break;                        // threads of a multiprocessor
    case 41: *value = 1; break;                           // unified addressing
    case 75: *value = compute_capability() / 10; break;
    case 76: *value = compute_capability() % 10; break;
    case 81: *value = static_cast<int>(max_shared() + 1024); break;  // of a multiprocessor
    case 97: *value = static_cast<int>(max_shared()); break;         // of a block that asks
    case 106: *value = 32; break;                                    // blocks of a multiprocessor
    case 111: *value = 1024; break;                                  // reserved shared memory of a block
    case 115: case 95: case 78: *value = 1; break;                   // memory pools, cooperative launch, priorities
    case 120: *value = hopper; break;                                // clusters
    default: *value = 0; break;
  }
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuDevicePrimaryCtxRetain(void** context, int device) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (device != DEVICE) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  ++retained;
  *context = &context_object;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuDevicePrimaryCtxRelease_v2(int device) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (device != DEVICE) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  if (retained == 0) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (--retained == 0) {
    synchronize_all();
    const std::lock_guard<std::mutex> lock(failure_mutex);
    failure = CUDA_SUCCESS;
    failure_report.clear();
  }
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxSetCurrent(void* context) {
  if (!initialized) {
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (context != nullptr && (context != &context_object || retained == 0)) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  current_context = context;
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxGetCurrent(void** context) {
  *context = current_context;
  return initialized ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

EXPORTED CUresult cuCtxGetDevice(int* device) {
  *device = DEVICE;
  return ready();
}

EXPORTED CUresult cuCtxSynchronize() {
  CUresult result = ready();
  result = result == CUDA_SUCCESS ? not_capturing() : result;
  if (result == CUDA_SUCCESS) {
    synchronize_all();
    result = device_failure();
  }
  return result;
}
