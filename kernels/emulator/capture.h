// Events, and how they spread a capture from stream to stream.
#pragma once

#include "driver.h"

namespace emu {

struct Event {
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t recorded = 0;  // calls of cuEventRecord
  uint64_t reached = 0;   // the last of them that the stream has come to
  double time_ms = 0;
  bool timed = true;
  // When last recorded in a capture: the graph, and the stream it was recorded on.
  std::shared_ptr<Graph> captured;
  const void* captured_on = nullptr;

  static void record(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream);
  /// Waits for that record of the event.
  void wait(uint64_t turn);
};

std::vector<std::shared_ptr<Stream>> all_streams();

/// If the stream is captured, invalidates its capture: for calls that are not allowed then.
bool invalidate(const std::shared_ptr<Stream>& stream);
/// If the stream is captured, the event marks a place in the capture.
bool record_captured(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream);
/// If the event or the stream is captured, the stream takes part in the capture, or the wait is an error.
bool wait_captured(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream, CUresult& result);

}  // namespace emu
