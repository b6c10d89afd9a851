// Captures and graphs. Operations are kept in the order of the calls, which respects every dependency of a capture over
// several streams, and are replayed in that order.
#include "capture.h"

namespace emu {

namespace {

std::mutex capture_mutex;

Handles<Graph>& graphs() {
  static auto* const all = new Handles<Graph>();
  return *all;
}

/// What cuGraphInstantiate gives: its own copy of the nodes.
struct ExecutableGraph {
  std::vector<Operation> nodes;
};

Handles<ExecutableGraph>& executables() {
  static auto* const all = new Handles<ExecutableGraph>();
  return *all;
}

}  // namespace

CUresult submit(const std::shared_ptr<Stream>& stream, Operation operation) {
  {
    const std::lock_guard<std::mutex> lock(capture_mutex);
    Graph* const graph = stream->capture.get();
    if (graph != nullptr) {
      if (graph->invalid) {
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      }
      graph->nodes.push_back(std::move(operation));
      if (stream.get() != graph->origin) {
        graph->unjoined.insert(stream.get());
      }
      return CUDA_SUCCESS;
    }
  }
  stream->enqueue(std::move(operation));
  return CUDA_SUCCESS;
}

bool invalidate(const std::shared_ptr<Stream>& stream) {
  const std::lock_guard<std::mutex> lock(capture_mutex);
  if (stream->capture == nullptr) {
    return false;
  }
  stream->capture->invalid = true;
  return true;
}

CUresult not_capturing() {
  const std::lock_guard<std::mutex> lock(capture_mutex);
  CUresult result = CUDA_SUCCESS;
  for (const auto& stream : all_streams()) {
    Graph* const graph = stream->capture.get();
    // CU_STREAM_CAPTURE_MODE_GLOBAL 0, THREAD_LOCAL 1, RELAXED 2
    if (graph != nullptr && (graph->mode == 0 || (graph->mode == 1 && graph->thread == std::this_thread::get_id()))) {
      graph->invalid = true;
      result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
  }
  return result;
}

bool record_captured(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream) {
  const std::lock_guard<std::mutex> lock(capture_mutex);
  const std::lock_guard<std::mutex> event_lock(event->mutex);
  event->captured = stream->capture;
  event->captured_on = stream.get();
  return stream->capture != nullptr;
}

bool wait_captured(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream, CUresult& result) {
  const std::lock_guard<std::mutex> lock(capture_mutex);
  const std::lock_guard<std::mutex> event_lock(event->mutex);
  if (event->captured == nullptr) {
    if (stream->capture == nullptr) {
      return false;
    }
    stream->capture->invalid = true;  // it would depend on work outside of the capture
    result = CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    return true;
  }
  if (stream->capture != nullptr && stream->capture != event->captured) {
    stream->capture->invalid = true;
    result = CUDA_ERROR_STREAM_CAPTURE_MERGE;
    return true;
  }
  Graph& graph = *event->captured;
  if (stream.get() == graph.origin) {
    graph.unjoined.erase(event->captured_on);
  } else {
    stream->capture = event->captured;
    graph.unjoined.insert(stream.get());
    graph.unjoined.erase(event->captured_on);
  }
  return true;
}

}  // namespace emu

using namespace emu;

EXPORTED CUresult cuStreamBeginCapture_v2(void* handle, int mode) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const auto number = reinterpret_cast<uintptr_t>(handle);
  const std::shared_ptr<Stream> stream = number > 1 ? find_stream(handle) : nullptr;
  if (stream == nullptr) {
    return number > 1 ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (mode < 0 || mode > 2) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const std::lock_guard<std::mutex> lock(capture_mutex);
  if (stream->capture != nullptr) {
    return CUDA_ERROR_ILLEGAL_STATE;
  }
  stream->capture = std::make_shared<Graph>();
  stream->capture->origin = stream.get();
  stream->capture->mode = mode;
  stream->capture->thread = std::this_thread::get_id();
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuStreamIsCapturing(void* handle, int* status) {
  const std::shared_ptr<Stream> stream = find_stream(handle);
  if (stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  const std::lock_guard<std::mutex> lock(capture_mutex);
  *status = stream->capture == nullptr ? 0 : stream->capture->invalid ? 2 : 1;
  return ready();
}

EXPORTED CUresult cuStreamEndCapture(void* handle, void** out) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Stream> stream = find_stream(handle);
  if (stream == nullptr || out == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  *out = nullptr;
  const std::lock_guard<std::mutex> lock(capture_mutex);
  const std::shared_ptr<Graph> graph = stream->capture;
  if (graph == nullptr) {
    return CUDA_ERROR_ILLEGAL_STATE;
  }
  if (graph->origin != stream.get()) {
    graph->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  if (graph->mode != 2 && graph->thread != std::this_thread::get_id()) {
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  for (const auto& other : all_streams()) {
    if (other->capture == graph) {
      other->capture = nullptr;
    }
  }
  if (graph->invalid) {
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  }
  if (!graph->unjoined.empty()) {
    return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  *out = graphs().add(graph);
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuGraphGetNodes(void* handle, void** nodes, size_t* count) {
  const std::shared_ptr<Graph> graph = graphs().find(handle);
  if (graph == nullptr || count == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (nodes != nullptr) {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  *count = graph->nodes.size();
  return ready();
}

EXPORTED CUresult cuGraphInstantiateWithFlags(void** out, void* handle, unsigned long long) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<Graph> graph = graphs().find(handle);
  if (graph == nullptr || out == nullptr) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto executable = std::make_shared<ExecutableGraph>();
  executable->nodes = graph->nodes;
  *out = executables().add(std::move(executable));
  return CUDA_SUCCESS;
}

EXPORTED CUresult cuGraphInstantiate_v2(void** out, void* graph, void**, char*, size_t) {
  return cuGraphInstantiateWithFlags(out, graph, 0);
}

EXPORTED CUresult cuGraphLaunch(void* handle, void* stream_handle) {
  const CUresult result = ready();
  if (result != CUDA_SUCCESS) {
    return result;
  }
  const std::shared_ptr<ExecutableGraph> executable = executables().find(handle);
  const std::shared_ptr<Stream> stream = find_stream(stream_handle);
  if (executable == nullptr || stream == nullptr) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  return submit(stream, [executable] {
    for (const Operation& node : executable->nodes) {
      if (device_failure() == CUDA_SUCCESS) {
        node();
      }
    }
  });
}

EXPORTED CUresult cuGraphUpload(void* handle, void*) {
  return executables().find(handle) == nullptr ? static_cast<CUresult>(CUDA_ERROR_INVALID_HANDLE) : ready();
}

EXPORTED CUresult cuGraphDestroy(void* handle) {
  return graphs().remove(handle) == nullptr ? static_cast<CUresult>(CUDA_ERROR_INVALID_VALUE) : ready();
}

EXPORTED CUresult cuGraphExecDestroy(void* handle) {
  return executables().remove(handle) == nullptr ? static_cast<CUresult>(CUDA_ERROR_INVALID_VALUE) : ready();
}
