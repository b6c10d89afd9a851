// The host threads that stand for the device's multiprocessors.
#pragma once

#include <cstdint>
#include <functional>

namespace emu {

/// Runs task(i, participant) for each i < count, on the calling thread (participant 0) and, if there is more than one, on the
/// emulator's threads. One call at a time; others wait. A task that returns false ends the whole early.
void parallel(uint64_t count, const std::function<bool(uint64_t i, unsigned participant)>& task);

/// The most participants that take part: GPT_EMULATOR_THREADS, or the processors, at most 8.
unsigned participants();

}  // namespace emu
