// Streams and events.
#include <chrono>
#include <utility>

#include "capture.h"

namespace emu {

namespace {
Handles<Stream>& streams() {
  static auto* const all = new Handles<Stream>();
  return *all;
}
Handles<Event>& events() {
  static auto* const all = new Handles<Event>();
  return *all;
}
bool lazy() {
  static const bool value = environment("GPT_EMULATOR_LAZY", 0) != 0;
  return value;
}
double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// The null stream; it has no handle among the others.
const std::shared_ptr<Stream>& default_stream() {
  static auto* const stream = new std::shared_ptr<Stream>(new Stream(true));
  return *stream;
}
}  // namespace

// --- A stream's thread ---------------------------------------------------------------------------------------------

Stream::Stream(bool blocking) : blocking(blocking), thread_([this] { work(); }) {}

Stream::~Stream() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    allowed_ = enqueued_;
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Stream::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return (!queue_.empty() && done_ < allowed_) || (ending_ && queue_.empty()); });
    if (queue_.empty()) {
      return;
    }
    const Operation operation = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    if (device_failure() == CUDA_SUCCESS) {  // a failed device does nothing more
      operation();
    }
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

void Stream::enqueue(Operation operation) {
  const std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(operation));
  ++enqueued_;
  if (!lazy()) {
    allowed_ = enqueued_;
    changed_.notify_all();
  }
}

void Stream::demand() {
  const std::lock_guard<std::mutex> lock(mutex_);
  allowed_ = enqueued_;
  changed_.notify_all();
}

void Stream::synchronize() {
  demand_all();
  std::unique_lock<std::mutex> lock(mutex_);
  const uint64_t target = enqueued_;
  changed_.wait(lock, [&] { return done_ >= target; });
}

bool Stream::idle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return done_ == enqueued_;
}

void demand_all() {
  if (lazy()) {
    for (const auto& stream : streams().all()) {
      stream->demand();
    }
    default_stream()->demand();
  }
}

void synchronize_all() {
  for (const auto& stream : streams().all()) {
    stream->synchronize();
  }
  default_stream()->synchronize();
}

std::shared_ptr<Stream> find_stream(const void* handle) {
  const auto number = reinterpret_cast<uintptr_t>(handle);
  if (number > 1) {  // 1 is CU_STREAM_LEGACY
    return streams().find(handle);
  }
  for (const auto& stream : streams().all()) {
    if (stream->blocking) {
      stream->synchronize();
    }
  }
  return default_stream();
}

std::vector<std::shared_ptr<Stream>> all_streams() { return streams().all(); }

// --- Events --------------------------------------------------------------------------------------------------------

void Event::record(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream) {
  uint64_t turn = 0;
  {
    const std::lock_guard<std::mutex> lock(event->mutex);
    turn = ++event->recorded;
  }
  stream->enqueue([event, turn] {
    const std::lock_guard<std::mutex> lock(event->mutex);
    event->reached = turn;
    event->time_ms = now_ms();
    event->changed.notify_all();
  });
}

void Event::wait(uint64_t turn) {
  std::unique_lock<std::mutex> lock(mutex);
  // A failed device works off its queues without doing anything: nobody would ever reach the event.
  while (reached < turn && device_failure() == CUDA_SUCCESS) {
    changed.wait_for(lock, std::chrono::milliseconds(10));
  }
}

}  // namespace emu

using namespace emu;

EXPORTED CUresult cuStreamCreate(void** handle, unsigned flags) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  if (handle == nullptr || flags > 1) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *handle = streams().add(std::make_shared<Stream>(flags == 0));
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamCreateWithPriority(void** handle, unsigned flags, int) { return cuStreamCreate(handle, flags); }

EXPORTED CUresult cuStreamDestroy_v2(void* handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS && result != device_failure()) {
    return result;
  }
  const std::shared_ptr<Stream> stream = streams().find(handle);
  if (stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  stream->synchronize();
  streams().remove(handle);
  return result;
}

EXPORTED CUresult cuStreamSynchronize(void* handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Stream> stream = find_stream(handle);
  if (stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (invalidate(stream)) {
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  stream->synchronize();
  return device_failure();
}

EXPORTED CUresult cuStreamQuery(void* handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Stream> stream = find_stream(handle);
  if (stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (invalidate(stream)) {
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  demand_all();
  return stream->idle() ? device_failure() : CUDA_ERROR_NOT_READY;
}

EXPORTED CUresult cuEventCreate(void** handle, unsigned flags) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  if (handle == nullptr || flags > 7) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto event = std::make_shared<Event>();
  event->timed = (flags & 2) == 0;  // CU_EVENT_DISABLE_TIMING
  *handle = events().add(std::move(event));
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventDestroy_v2(void* handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS && result != device_failure()) {
    return result;
  }
  return events().remove(handle) == nullptr ? static_cast<CUresult>(CUDA_ERROR_INVALID_HANDLE) : result;
}

EXPORTED CUresult cuEventRecord(void* handle, void* stream_handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Event> event = events().find(handle);
  const std::shared_ptr<Stream> stream = find_stream(stream_handle);
  if (event == nullptr || stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (!record_captured(event, stream)) {
    Event::record(event, stream);
  }
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamWaitEvent(void* stream_handle, void* handle, unsigned flags) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Event> event = events().find(handle);
  const std::shared_ptr<Stream> stream = find_stream(stream_handle);
  if (event == nullptr || stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (flags > 1) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  CUresult captured = CUDA_SUCCESS;
  if (wait_captured(event, stream, captured)) {
    return captured;
  }
  uint64_t turn = 0;
  {
    const std::lock_guard<std::mutex> lock(event->mutex);
    turn = event->recorded;
  }
  stream->enqueue([event, turn] { event->wait(turn); });
  return CUDA_SUCCESS;
}

/// The event, if it may be asked; `turn` is the record that is asked for.
static CUresult ask(void* handle, std::shared_ptr<Event>& event, uint64_t& turn) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  event = events().find(handle);
  if (event == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  const std::lock_guard<std::mutex> lock(event->mutex);
  turn = event->recorded;
  return event->captured == nullptr ? CUDA_SUCCESS : CUDA_ERROR_CAPTURED_EVENT;
}

EXPORTED CUresult cuEventSynchronize(void* handle) {
  std::shared_ptr<Event> event;
  uint64_t turn = 0;
  const CUresult result = ask(handle, event, turn);
  if (result != CUDA_SUCCESS) {
    return result;
  }
  demand_all();
  event->wait(turn);
  return device_failure();
}

EXPORTED CUresult cuEventQuery(void* handle) {
  std::shared_ptr<Event> event;
  uint64_t turn = 0;
  const CUresult result = ask(handle, event, turn);
  if (result != CUDA_SUCCESS) {
    return result;
  }
  demand_all();
  const std::lock_guard<std::mutex> lock(event->mutex);
  return event->reached >= turn ? device_failure() : CUDA_ERROR_NOT_READY;
}

EXPORTED CUresult cuEventElapsedTime(float* milliseconds, void* start_handle, void* end_handle) {
  std::shared_ptr<Event> start;
  std::shared_ptr<Event> end;
  uint64_t start_turn = 0;
  uint64_t end_turn = 0;
  CUresult result = ask(start_handle, start, start_turn);
  result = result == CUDA_SUCCESS ? ask(end_handle, end, end_turn) : result;
  if (result != CUDA_SUCCESS) {
    return result;
  }
  if (!start->timed || !end->timed || start_turn == 0 || end_turn == 0) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  demand_all();
  if (start == end) {
    *milliseconds = 0.0f;
    return CUDA_SUCCESS;
  }
  const std::scoped_lock lock(start->mutex, end->mutex);
  if (start->reached < start_turn || end->reached < end_turn) {
    return CUDA_ERROR_NOT_READY;
  }
  *milliseconds = static_cast<float>(end->time_ms - start->time_ms);
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuEventElapsedTime_v2(float* milliseconds, void* start, void* end) {
  return cuEventElapsedTime(milliseconds, start, end);
}
