// What the runtime, itself compiled without sanitizers, tells the sanitizer that the kernels are compiled with.
#pragma once

#include <cstddef>

#ifdef GPT_EMULATOR_ASAN
extern "C" {
void __asan_poison_memory_region(void const volatile* address, size_t size);
void __asan_unpoison_memory_region(void const volatile* address, size_t size);
void __sanitizer_start_switch_fiber(void** fake_stack_save, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack_save, const void** bottom_old, size_t* size_old);
}
#endif

#ifdef GPT_EMULATOR_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace emu {

inline void poison([[maybe_unused]] const void* address, [[maybe_unused]] size_t bytes) {
#ifdef GPT_EMULATOR_ASAN
  __asan_poison_memory_region(address, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* address, [[maybe_unused]] size_t bytes) {
#ifdef GPT_EMULATOR_ASAN
  __asan_unpoison_memory_region(address, bytes);
#endif
}

/// What the calling fiber did so far happens before what follows an acquire of the same object.
inline void release([[maybe_unused]] void* object) {
#ifdef GPT_EMULATOR_TSAN
  __tsan_release(object);
#endif
}

inline void acquire([[maybe_unused]] void* object) {
#ifdef GPT_EMULATOR_TSAN
  __tsan_acquire(object);
#endif
}

}  // namespace emu
