// A device thread's stack and saved registers. Switching is a few instructions of assembly: a kernel switches at every
// shuffle and barrier, millions of times in a test, and ucontext would make system calls.
#pragma once

#include <cstddef>

namespace emu {

class Fiber {
 public:
  /// The fiber that the calling host thread is already running.
  Fiber();
  /// A fiber that will run entry(), which never returns, on a stack of its own.
  explicit Fiber(void (*entry)());
  Fiber(const Fiber&) = delete;

  /// Goes on with `to`, from where it last switched away; returns when something switches back to this fiber.
  void switch_to(Fiber& to);
  /// Forgets what the fiber was doing: it starts anew when next switched to.
  void restart();

 private:
  friend void fiber_start();
  void arrive();

  void* stack_pointer_ = nullptr;
  void (*entry_)() = nullptr;
  const void* stack_ = nullptr;  // its lowest address, for AddressSanitizer
  size_t size_ = 0;
  void* sanitizer_ = nullptr;  // AddressSanitizer's fake stack, or ThreadSanitizer's fiber
};

}  // namespace emu
