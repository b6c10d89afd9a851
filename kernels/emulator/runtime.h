// What the runtime offers to those who launch kernels: the driver's entry points and the kernels' tests.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "device.h"

namespace emu {

/// A kernel that was compiled into this program.
struct Kernel {
  std::string name;
  void (*function)();
  void (*call)(void (*function)(), void* const* arguments);
  std::vector<size_t> parameter_sizes;
  int max_threads;  // __launch_bounds__
};

const Kernel* find_kernel(const std::string& name);
std::vector<const Kernel*> all_kernels();

// Limits of every device since sm_80, but for shared memory, of which sm_90 has more.
constexpr unsigned MAX_THREADS = 1024;
constexpr unsigned MAX_GRID_YZ = 65535;
constexpr size_t DEFAULT_SHARED = 48 << 10;
constexpr size_t MAX_SHARED = 227 << 10;

struct Launch {
  const Kernel* kernel;
  dim3 grid;
  dim3 block;
  size_t dynamic_shared = 0;
  size_t shared_limit = DEFAULT_SHARED;  // dynamic, raised by the function's attribute
  void* const* arguments;
};

/// Why the device would refuse the launch, or an empty string.
std::string refuse(const Launch& launch);

/// Runs the grid to its end on the calling thread and the emulator's workers. Gives the first misdeed of a device thread
/// (its kernel, block, thread, place and reason), or an empty string.
std::string run(const Launch& launch);

/// Order of threads and blocks: 0 as they are numbered, anything else a seed of a random order. At first
/// GPT_EMULATOR_SHUFFLE, or 0.
void set_shuffle(unsigned long long seed);
unsigned long long shuffle();

/// A number from the environment.
unsigned long long environment(const char* name, unsigned long long otherwise);

}  // namespace emu
