// NVML: one device with made-up readings, so that the bindings are exercised.
#include <atomic>
#include <cstring>

#include "driver.h"

namespace {

enum NvmlResult : int {
  NVML_SUCCESS = 0,
  NVML_ERROR_UNINITIALIZED = 1,
  NVML_ERROR_INVALID_ARGUMENT = 2,
  NVML_ERROR_NOT_FOUND = 6,
  NVML_ERROR_INSUFFICIENT_SIZE = 7,
};

std::atomic<int> users{0};
char device;  // its address is the handle

int check(const void* handle, const void* out) {
  if (users == 0) {
    return NVML_ERROR_UNINITIALIZED;
  }
  return handle == &device && out != nullptr ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

int give(const void* handle, unsigned* out, unsigned value) {
  const int result = check(handle, out);
  if (result == NVML_SUCCESS) {
    *out = value;
  }
  return result;
}

int text(char* out, unsigned length, const char* value) {
  if (users == 0) {
    return NVML_ERROR_UNINITIALIZED;
  }
  if (std::strlen(value) >= length) {
    return NVML_ERROR_INSUFFICIENT_SIZE;
  }
  std::strcpy(out, value);
  return NVML_SUCCESS;
}

}  // namespace

EXPORTED int nvmlInit_v2() {
  ++users;
  return NVML_SUCCESS;
}
EXPORTED int nvmlShutdown() {
  if (users == 0) {
    return NVML_ERROR_UNINITIALIZED;
  }
  --users;
  return NVML_SUCCESS;
}
EXPORTED const char* nvmlErrorString(int result) { return result == NVML_SUCCESS ? "Success" : "Error of the emulator"; }
EXPORTED int nvmlSystemGetDriverVersion(char* out, unsigned length) { return text(out, length, "570.0.emulator"); }

EXPORTED int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 1;
  return users == 0 ? NVML_ERROR_UNINITIALIZED : NVML_SUCCESS;
}
EXPORTED int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** handle) {
  if (users == 0) {
    return NVML_ERROR_UNINITIALIZED;
  }
  *handle = &device;
  return index == 0 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}
EXPORTED int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** handle) {
  if (users == 0) {
    return NVML_ERROR_UNINITIALIZED;
  }
  *handle = &device;
  return std::strstr(id, ":65:00.0") != nullptr ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}
EXPORTED int nvmlDeviceGetName(void* handle, char* name, unsigned length) {
  const int result = check(handle, name);
  return result == NVML_SUCCESS ? text(name, length, "Host emulator") : result;
}
EXPORTED int nvmlDeviceGetTemperature(void* handle, int sensor, unsigned* celsius) {
  return sensor == 0 ? give(handle, celsius, 40) : NVML_ERROR_INVALID_ARGUMENT;
}
EXPORTED int nvmlDeviceGetPowerUsage(void* handle, unsigned* milliwatts) { return give(handle, milliwatts, 100000); }
EXPORTED int nvmlDeviceGetEnforcedPowerLimit(void* handle, unsigned* milliwatts) {
  return give(handle, milliwatts, 300000);
}
EXPORTED int nvmlDeviceGetClockInfo(void* handle, int clock, unsigned* megahertz) {
  return clock >= 0 && clock <= 3 ? give(handle, megahertz, 1000) : NVML_ERROR_INVALID_ARGUMENT;
}
EXPORTED int nvmlDeviceGetMaxClockInfo(void* handle, int clock, unsigned* megahertz) {
  return nvmlDeviceGetClockInfo(handle, clock, megahertz);
}

struct NvmlMemory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
EXPORTED int nvmlDeviceGetMemoryInfo(void* handle, NvmlMemory* memory) {
  const int result = check(handle, memory);
  if (result == NVML_SUCCESS) {
    *memory = {emu::total_memory(), emu::total_memory(), 0};
  }
  return result;
}
