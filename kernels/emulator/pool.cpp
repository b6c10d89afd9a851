#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "runtime.h"
#include "sanitizer.h"

namespace emu {

namespace {

/// Lives as long as the process: its threads wait for work, and nobody has to stop them.
class Pool {
 public:
  static Pool& instance() {
    static auto* const pool = new Pool();
    return *pool;
  }

  void run(uint64_t count, const std::function<bool(uint64_t, unsigned)>& task) {
    const std::lock_guard<std::mutex> one_at_a_time(run_mutex_);
    next_ = 0;
    stopped_ = false;
    count_ = count;
    task_ = &task;
    const bool shared = count > 1 && helpers_ > 0;
    if (shared) {
      release(&sync_);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++generation_;
      working_ = helpers_;
      begin_.notify_all();
    }
    work(0);
    if (shared) {
      std::unique_lock<std::mutex> lock(mutex_);
      end_.wait(lock, [this] { return working_ == 0; });
      acquire(&sync_);
    }
  }

 private:
  Pool() {
    for (unsigned i = 1; i < participants(); ++i) {
      std::thread([this, i] { serve(i); }).detach();
      ++helpers_;
    }
  }

  void serve(unsigned participant) {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        begin_.wait(lock, [&] { return generation_ != seen; });
        seen = generation_;
      }
      acquire(&sync_);
      work(participant);
      release(&sync_);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--working_ == 0) {
        end_.notify_one();
      }
    }
  }

  void work(unsigned participant) {
    for (uint64_t i = next_++; i < count_ && !stopped_; i = next_++) {
      if (!(*task_)(i, participant)) {
        stopped_ = true;
      }
    }
  }

  std::mutex run_mutex_;
  unsigned helpers_ = 0;

  std::mutex mutex_;
  std::condition_variable begin_;
  std::condition_variable end_;
  uint64_t generation_ = 0;
  unsigned working_ = 0;
  char sync_;

  std::atomic<uint64_t> next_{0};
  std::atomic<bool> stopped_{false};
  uint64_t count_ = 0;
  const std::function<bool(uint64_t, unsigned)>* task_ = nullptr;
};

}  // namespace

unsigned participants() {
  static const unsigned count = [] {
    const unsigned cores = std::thread::hardware_concurrency();
    const auto wanted = static_cast<unsigned>(environment("GPT_EMULATOR_THREADS", cores > 8 ? 8 : cores));
    return wanted < 1 ? 1 : wanted;
  }();
  return count;
}

void parallel(uint64_t count, const std::function<bool(uint64_t, unsigned)>& task) {
  Pool::instance().run(count, task);
}

}  // namespace emu
