// Modules and launches. The PTX is read for what it declares; what runs is the same source compiled into this library. A kernel
// that the PTX does not have, or has with other parameters, is an error: the PTX is stale.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver.h"
#include "ptx_text.h"
#include "worker.h"

namespace emu {

namespace {

struct Function {
  const Kernel* kernel;
  PtxEntry entry;
  size_t max_dynamic_shared;
};

struct Module {
  PtxText ptx;
  std::vector<std::shared_ptr<Function>> functions;
};

Handles<Module>& modules() {
  static auto* const all = new Handles<Module>();
  return *all;
}
Handles<Function>& functions() {
  static auto* const all = new Handles<Function>();
  return *all;
}

constexpr int NEWEST_PTX = 88;  // of the driver version that context.cpp tells

/// Why this device cannot load the text.
CUresult refuse_image(const PtxText& ptx, std::string& message) {
  if (ptx.version > NEWEST_PTX) {
    message = "PTX .version " + std::to_string(ptx.version / 10) + "." + std::to_string(ptx.version % 10) + " is too new";
    return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  }
  // sm_90a runs on 9.0 only; sm_80 on it and all that follow.
  const int target = std::atoi(ptx.target.c_str() + (ptx.target.size() > 3 ? 3 : 0));
  const bool specific = ptx.target.back() == 'a';
  if (target > compute_capability() || (specific && target != compute_capability())) {
    message = ptx.target + " code for a device of compute capability " + std::to_string(compute_capability());
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  return CUDA_SUCCESS;
}

/// Writes to the caller's error log: CU_JIT_ERROR_LOG_BUFFER 5, its size 6.
void write_log(const std::string& message, unsigned count, const int* options, void* const* values) {
  char* buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == 5) {
      buffer = static_cast<char*>(values[i]);
    } else if (options[i] == 6) {
      size = reinterpret_cast<uintptr_t>(values[i]);
    }
  }
  if (buffer != nullptr && size > 0) {
    std::snprintf(buffer, size, "%s", message.c_str());
  }
}

/// How the PTX and the compiled kernel differ, or an empty string.
std::string stale(const PtxEntry& entry, const Kernel& kernel) {
  if (entry.parameter_sizes.size() != kernel.parameter_sizes.size()) {
    return format("the PTX declares %zu parameters, the source %zu", entry.parameter_sizes.size(),
        kernel.parameter_sizes.size());
  }
  for (size_t i = 0; i < entry.parameter_sizes.size(); ++i) {
    if (entry.parameter_sizes[i] != kernel.parameter_sizes[i]) {
      return format("parameter %zu has %zu bytes in the PTX and %zu in the source", i, entry.parameter_sizes[i],
          kernel.parameter_sizes[i]);
    }
  }
  if (entry.max_threads != kernel.max_threads) {
    return format("the launch bound is %d in the PTX and %d in the source", entry.max_threads, kernel.max_threads);
  }
  return "";
}

/// A launch that waits for its turn: its arguments were copied at the call.
struct Arguments {
  std::vector<std::vector<unsigned char>> values;
  std::vector<void*> pointers;
};

void run_launch(const Function& function, Launch launch, const Arguments& arguments) {
  launch.arguments = arguments.pointers.data();
  for (size_t i = 0; i < arguments.values.size(); ++i) {
    void* address = nullptr;
    if (arguments.values[i].size() == sizeof address) {
      std::memcpy(&address, arguments.values[i].data(), sizeof address);
      if (was_freed(address)) {
        device_failed(CUDA_ERROR_ILLEGAL_ADDRESS,
            "kernel " + function.entry.name + ": parameter " + std::to_string(i) + " points to freed memory");
        return;
      }
    }
  }
  const std::string report = run(launch);
  if (!report.empty()) {
    device_failed(CUDA_ERROR_LAUNCH_FAILED, report);
    return;
  }
  const std::string written = overrun();
  if (!written.empty()) {
    device_failed(CUDA_ERROR_ILLEGAL_ADDRESS, "kernel " + function.entry.name + ": " + written);
  }
}

}  // namespace

}  // namespace emu

using namespace emu;

EXPORTED CUresult cuModuleLoadDataEx(void** out, const void* image, unsigned count, int* options, void** values) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  if (out == nullptr || image == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto module = std::make_shared<Module>();
  std::string message = read_ptx(static_cast<const char*>(image), module->ptx);
  if (!message.empty()) {
    write_log(message, count, options, values);
    return CUDA_ERROR_INVALID_PTX;
  }
  const CUresult refused = refuse_image(module->ptx, message);
  if (refused != CUDA_SUCCESS) {
    write_log(message, count, options, values);
    return refused;
  }
  *out = modules().add(std::move(module));
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuModuleLoadData(void** out, const void* image) {
  return cuModuleLoadDataEx(out, image, 0, nullptr, nullptr);
}

EXPORTED CUresult cuModuleUnload(void* handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS && result != device_failure()) {
    return result;
  }
  const std::shared_ptr<Module> module = modules().remove(handle);
  if (module == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  synchronize_all();
  for (const auto& function : module->functions) {
    functions().remove(function.get());
  }
  return result;
}

EXPORTED CUresult cuModuleGetFunction(void** out, void* handle, const char* name) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Module> module = modules().find(handle);
  if (module == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (out == nullptr || name == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  for (const PtxEntry& entry : module->ptx.entries) {
    if (entry.name == name) {
      const Kernel* const kernel = find_kernel(name);
      const std::string difference = kernel == nullptr ? "not compiled into the emulator" : stale(entry, *kernel);
      if (!difference.empty()) {
        std::fprintf(stderr, "CUDA emulator: kernel %s: %s\n", name, difference.c_str());
        return CUDA_ERROR_INVALID_PTX;
      }
      auto function =
          std::make_shared<Function>(Function{kernel, entry, DEFAULT_SHARED - entry.shared_bytes});
      module->functions.push_back(function);
      *out = functions().add(std::move(function));
      return CUDA_SUCCESS;
    }
  }
  return CUDA_ERROR_NOT_FOUND;
}

EXPORTED CUresult cuFuncGetAttribute(int* value, int attribute, void* handle) {
  const CUresult result = ready();
  const std::shared_ptr<Function> function = functions().find(handle);
  if (result != CUDA_SUCCESS || function == nullptr) {
    return result != CUDA_SUCCESS ? result : CUDA_ERROR_INVALID_HANDLE;
  }
  switch (attribute) {
    case 0: *value = function->entry.max_threads; break;
    case 1: *value = static_cast<int>(function->entry.shared_bytes); break;
    case 2: case 3: *value = 0; break;  // constant and local memory
    case 4: *value = 32; break;         // registers: not known
    case 5: *value = 80; break;         // PTX version
    case 6: *value = compute_capability(); break;
    case 7: *value = 0; break;
    case 8: *value = static_cast<int>(function->max_dynamic_shared); break;
    case 9: *value = -1; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuFuncSetAttribute(void* handle, int attribute, int value) {
  const CUresult result = ready();
  const std::shared_ptr<Function> function = functions().find(handle);
  if (result != CUDA_SUCCESS || function == nullptr) {
    return result != CUDA_SUCCESS ? result : CUDA_ERROR_INVALID_HANDLE;
  }
  if (attribute == 8) {  // dynamic shared memory
    if (value < 0 || static_cast<size_t>(value) + function->entry.shared_bytes > max_shared()) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    function->max_dynamic_shared = static_cast<size_t>(value);
    return CUDA_SUCCESS;
  }
  return attribute == 9 && value >= -1 && value <= 100 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* handle, int threads, size_t shared) {
  const CUresult result = ready();
  const std::shared_ptr<Function> function = functions().find(handle);
  if (result != CUDA_SUCCESS || function == nullptr) {
    return result != CUDA_SUCCESS ? result : CUDA_ERROR_INVALID_HANDLE;
  }
  if (blocks == nullptr || threads <= 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const size_t each = shared + function->entry.shared_bytes + 1024;
  const size_t by_shared = (max_shared() + 1024) / each;
  const size_t by_threads = 2048 / static_cast<size_t>((threads + 31) / 32 * 32);
  *blocks = threads > function->entry.max_threads ? 0 : static_cast<int>(std::min<size_t>({by_shared, by_threads, 32}));
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
    unsigned block_y, unsigned block_z, unsigned shared, void* stream_handle, void** parameters, void** extra) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Function> function = functions().find(handle);
  const std::shared_ptr<Stream> stream = find_stream(stream_handle);
  if (function == nullptr || stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  const std::vector<size_t>& sizes = function->kernel->parameter_sizes;
  if (extra != nullptr || (parameters == nullptr && !sizes.empty())) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  Launch launch{function->kernel, dim3(grid_x, grid_y, grid_z), dim3(block_x, block_y, block_z), shared,
      function->max_dynamic_shared, nullptr};
  const std::string refusal = refuse(launch);
  if (!refusal.empty()) {
    std::fprintf(stderr, "CUDA emulator: launch of %s refused: %s\n", function->entry.name.c_str(), refusal.c_str());
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto arguments = std::make_shared<Arguments>();
  arguments->values.reserve(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (parameters[i] == nullptr) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    const auto* const bytes = static_cast<const unsigned char*>(parameters[i]);
    arguments->values.emplace_back(bytes, bytes + sizes[i]);
    arguments->pointers.push_back(arguments->values.back().data());
  }
  return submit(stream, [function, launch, arguments] { run_launch(*function, launch, *arguments); });
}
