#include "fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "sanitizer.h"

// gpt_emulator_switch(void** save, void* load): pushes the registers that a called function must preserve, leaves the stack
// pointer in *save, and continues on the stack `load`.
#if defined(__x86_64__)
asm(R"(
.text
.type gpt_emulator_switch, @function
gpt_emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size gpt_emulator_switch, .-gpt_emulator_switch
)");
constexpr int RETURN_WORD = 6;   // above the six saved registers
constexpr int FRAME_WORDS = 8;   // an entry point finds its stack 8 bytes off a multiple of 16
#elif defined(__aarch64__)
asm(R"(
.text
.type gpt_emulator_switch, %function
gpt_emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size gpt_emulator_switch, .-gpt_emulator_switch
)");
constexpr int RETURN_WORD = 11;  // x30
constexpr int FRAME_WORDS = 20;
#else
#error "The emulator's fibers are written for x86-64 and aarch64"
#endif

extern "C" void gpt_emulator_switch(void** save, void* load) __attribute__((visibility("hidden")));

namespace emu {

namespace {
#if defined(GPT_EMULATOR_ASAN) || defined(GPT_EMULATOR_TSAN)
constexpr size_t STACK_BYTES = 512 << 10;  // instrumented frames are several times as large
#else
constexpr size_t STACK_BYTES = 128 << 10;
#endif

__thread Fiber* arriving __attribute__((tls_model("initial-exec")));
[[maybe_unused]] __thread Fiber* leaving __attribute__((tls_model("initial-exec")));
}  // namespace

/// The first frame of a fiber.
void fiber_start() {
  Fiber* const self = arriving;
  self->arrive();
  self->entry_();
  std::abort();
}

Fiber::Fiber() {
#ifdef GPT_EMULATOR_TSAN
  sanitizer_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(void (*entry)()) : entry_(entry), size_(STACK_BYTES) {
  const size_t guard = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory =
      mmap(nullptr, guard + size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) != 0) {
    std::perror("emulator: stack of a device thread");
    std::abort();
  }
  stack_ = static_cast<char*>(memory) + guard;
  restart();
}

void Fiber::restart() {
  auto* const top = reinterpret_cast<uintptr_t*>(static_cast<char*>(const_cast<void*>(stack_)) + size_);
  uintptr_t* const frame = top - FRAME_WORDS;
  unpoison(stack_, size_);
  for (uintptr_t* word = frame; word != top; ++word) {
    *word = 0;
  }
  frame[RETURN_WORD] = reinterpret_cast<uintptr_t>(&fiber_start);
  stack_pointer_ = frame;
#ifdef GPT_EMULATOR_TSAN
  if (sanitizer_ != nullptr) {
    __tsan_destroy_fiber(sanitizer_);
    // Fresh memory, about which nothing is remembered.
    mmap(const_cast<void*>(stack_), size_, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    frame[RETURN_WORD] = reinterpret_cast<uintptr_t>(&fiber_start);
  }
  sanitizer_ = __tsan_create_fiber(0);
#else
  sanitizer_ = nullptr;
#endif
}

void Fiber::switch_to(Fiber& to) {
  arriving = &to;
  leaving = this;
#if defined(GPT_EMULATOR_ASAN)
  __sanitizer_start_switch_fiber(&sanitizer_, to.stack_, to.size_);
#elif defined(GPT_EMULATOR_TSAN)
  __tsan_switch_to_fiber(to.sanitizer_, 1);  // 1: does not order memory
#endif
  gpt_emulator_switch(&stack_pointer_, to.stack_pointer_);
  arrive();
}

void Fiber::arrive() {
#ifdef GPT_EMULATOR_ASAN
  const void* bottom = nullptr;
  size_t size = 0;
  __sanitizer_finish_switch_fiber(sanitizer_, &bottom, &size);
  if (leaving->stack_ == nullptr) {  // the host thread's stack, known from here on
    leaving->stack_ = bottom;
    leaving->size_ = size;
  }
#endif
}

}  // namespace emu
