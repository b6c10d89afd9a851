package io.gptjava.cuda.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * The CUDA driver API (libcuda): the functions that exist under the same exported name in CUDA 12
 * and 13. See NVIDIA, <i>CUDA Driver API</i>. Every call throws {@link CudaException} unless it
 * succeeds; a failure may also come from an earlier asynchronous call.
 */
public final class DriverApi extends NativeApi {
  private static final List<String> SONAMES = List.of("libcuda.so.1");
  private static final int NAME_BYTES = 256;
  private static final int NOT_READY = 600;
  private final NativeFunction init = function("cuInit");
  private final NativeFunction driverGetVersion = function("cuDriverGetVersion");
  private final NativeFunction getErrorName = function("cuGetErrorName");
  private final NativeFunction getErrorString = function("cuGetErrorString");
  private final NativeFunction deviceGetCount = function("cuDeviceGetCount");
  private final NativeFunction deviceGet = function("cuDeviceGet");
  private final NativeFunction deviceGetName = function("cuDeviceGetName");
  private final NativeFunction deviceGetAttribute = function("cuDeviceGetAttribute");
  private final NativeFunction deviceTotalMem = function("cuDeviceTotalMem_v2");
  private final NativeFunction deviceGetPciBusId = function("cuDeviceGetPCIBusId");
  private final NativeFunction primaryCtxRetain = function("cuDevicePrimaryCtxRetain");
  private final NativeFunction primaryCtxRelease = function("cuDevicePrimaryCtxRelease_v2");
  private final NativeFunction ctxSetCurrent = function("cuCtxSetCurrent");
  private final NativeFunction ctxSynchronize = function("cuCtxSynchronize");
  private final NativeFunction memGetInfo = function("cuMemGetInfo_v2");
  private final NativeFunction memAlloc = function("cuMemAlloc_v2");
  private final NativeFunction memFree = function("cuMemFree_v2");
  private final NativeFunction memHostAlloc = function("cuMemHostAlloc");
  private final NativeFunction memFreeHost = function("cuMemFreeHost");
  private final NativeFunction memcpyHtoDAsync = function("cuMemcpyHtoDAsync_v2");
  private final NativeFunction memcpyDtoHAsync = function("cuMemcpyDtoHAsync_v2");
  private final NativeFunction memcpyDtoDAsync = function("cuMemcpyDtoDAsync_v2");
  private final NativeFunction memsetD8Async = function("cuMemsetD8Async");
  private final NativeFunction memsetD32Async = function("cuMemsetD32Async");
  private final NativeFunction streamCreate = function("cuStreamCreate");
  private final NativeFunction streamDestroy = function("cuStreamDestroy_v2");
  private final NativeFunction streamSynchronize = function("cuStreamSynchronize");
  private final NativeFunction streamQuery = function("cuStreamQuery");
  private final NativeFunction streamWaitEvent = function("cuStreamWaitEvent");
  private final NativeFunction streamBeginCapture = function("cuStreamBeginCapture_v2");
  private final NativeFunction streamEndCapture = function("cuStreamEndCapture");
  private final NativeFunction eventCreate = function("cuEventCreate");
  private final NativeFunction eventDestroy = function("cuEventDestroy_v2");
  private final NativeFunction eventRecord = function("cuEventRecord");
  private final NativeFunction eventQuery = function("cuEventQuery");
  private final NativeFunction eventSynchronize = function("cuEventSynchronize");
  private final NativeFunction eventElapsedTime = function("cuEventElapsedTime");
  private final NativeFunction moduleLoadDataEx = function("cuModuleLoadDataEx");
  private final NativeFunction moduleUnload = function("cuModuleUnload");
  private final NativeFunction moduleGetFunction = function("cuModuleGetFunction");
  private final NativeFunction funcGetAttribute = function("cuFuncGetAttribute");
  private final NativeFunction funcSetAttribute = function("cuFuncSetAttribute");
  private final NativeFunction launchKernel = function("cuLaunchKernel");
  private final NativeFunction occupancy = function("cuOccupancyMaxActiveBlocksPerMultiprocessor");
  private final NativeFunction graphInstantiate = function("cuGraphInstantiateWithFlags");
  private final NativeFunction graphLaunch = function("cuGraphLaunch");
  private final NativeFunction graphGetNodes = function("cuGraphGetNodes");
  private final NativeFunction graphDestroy = function("cuGraphDestroy");
  private final NativeFunction graphExecDestroy = function("cuGraphExecDestroy");

  /** Apart, so that looking for a driver that is not there builds no method handle. */
  private static final class Launch {
    static final MethodHandle HANDLE =
        NativeFunction.status(
            JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
            JAVA_LONG, ADDRESS, ADDRESS);
  }

  /** Binds the functions of a driver library. */
  public DriverApi(NativeLibrary library) {
    super(library);
  }

  /** Looks for the driver. */
  public static LibrarySearch search(LibraryFinder finder) {
    return finder.find("CUDA driver", "cuInit", SONAMES);
  }

  @Override
  CudaException failure(String call, int status) {
    return DriverErrors.of(
        call, status, errorText(getErrorName, status), errorText(getErrorString, status));
  }

  private static String errorText(NativeFunction function, int status) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      if (function.status(status, out) != 0) {
        return "code " + status;
      }
      return CString.at(out.get(ADDRESS, 0));
    }
  }

  public void init() {
    init.call(0);
  }

  /** CUDA version that the driver supports: 1000 · major + 10 · minor. */
  public int driverVersion() {
    return intOut(driverGetVersion::call);
  }

  public int deviceCount() {
    return intOut(deviceGetCount::call);
  }

  /** Handle of the device of that index. */
  public int device(int index) {
    return intOut(out -> deviceGet.call(out, index));
  }

  public String deviceName(int device) {
    return textOut(out -> deviceGetName.call(out, NAME_BYTES, device));
  }

  /** PCI address such as {@code 0000:65:00.0}, by which NVML knows the device. */
  public String devicePciBusId(int device) {
    return textOut(out -> deviceGetPciBusId.call(out, NAME_BYTES, device));
  }

  public int deviceAttribute(DeviceAttribute attribute, int device) {
    return intOut(out -> deviceGetAttribute.call(out, attribute.number(), device));
  }

  /** Memory of the device in bytes. */
  public long deviceTotalMemory(int device) {
    return longOut(out -> deviceTotalMem.call(out, device));
  }

  public long primaryContextRetain(int device) {
    return longOut(out -> primaryCtxRetain.call(out, device));
  }

  public void primaryContextRelease(int device) {
    primaryCtxRelease.call(device);
  }

  /** Makes a context current on this thread; 0 for none. */
  public void setCurrentContext(long context) {
    ctxSetCurrent.call(context);
  }

  public void synchronizeContext() {
    ctxSynchronize.call();
  }

  /** Free and total memory of the current context's device, in bytes. */
  public MemoryInfo memoryInfo() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG, 2);
      memGetInfo.call(out, out.asSlice(JAVA_LONG.byteSize()));
      return new MemoryInfo(out.getAtIndex(JAVA_LONG, 0), out.getAtIndex(JAVA_LONG, 1));
    }
  }

  /** Bytes free and in all. */
  public record MemoryInfo(long free, long total) {}

  public long allocate(long bytes) {
    return longOut(out -> memAlloc.call(out, bytes));
  }

  public void free(long pointer) {
    memFree.call(pointer);
  }

  /** Page-locked host memory, usable from every context. */
  public long allocateHost(long bytes, int flags) {
    return longOut(out -> memHostAlloc.call(out, bytes, flags));
  }

  public void freeHost(long pointer) {
    memFreeHost.call(pointer);
  }

  public void copyToDevice(long target, MemorySegment source, long bytes, long stream) {
    memcpyHtoDAsync.call(target, source, bytes, stream);
  }

  public void copyToHost(MemorySegment target, long source, long bytes, long stream) {
    memcpyDtoHAsync.call(target, source, bytes, stream);
  }

  public void copyOnDevice(long target, long source, long bytes, long stream) {
    memcpyDtoDAsync.call(target, source, bytes, stream);
  }

  /** Fills bytes; the lowest 8 bits of {@code value} count. */
  public void fillBytes(long target, int value, long bytes, long stream) {
    memsetD8Async.call(target, value & 0xff, bytes, stream);
  }

  /** Fills 32-bit words; {@code target} is a multiple of 4. */
  public void fillWords(long target, int value, long words, long stream) {
    memsetD32Async.call(target, value, words, stream);
  }

  public long createStream(int flags) {
    return longOut(out -> streamCreate.call(out, flags));
  }

  public void destroyStream(long stream) {
    streamDestroy.call(stream);
  }

  public void synchronizeStream(long stream) {
    streamSynchronize.call(stream);
  }

  /** Whether all work of the stream is done. */
  public boolean streamDone(long stream) {
    return done(streamQuery, stream);
  }

  public void streamWait(long stream, long event) {
    streamWaitEvent.call(stream, event, 0);
  }

  public void beginCapture(long stream, int mode) {
    streamBeginCapture.call(stream, mode);
  }

  /** Ends the capture and returns the graph. */
  public long endCapture(long stream) {
    return longOut(out -> streamEndCapture.call(stream, out));
  }

  public long createEvent(int flags) {
    return longOut(out -> eventCreate.call(out, flags));
  }

  public void destroyEvent(long event) {
    eventDestroy.call(event);
  }

  public void recordEvent(long event, long stream) {
    eventRecord.call(event, stream);
  }

  /** Whether the work before the event is done. */
  public boolean eventDone(long event) {
    return done(eventQuery, event);
  }

  public void synchronizeEvent(long event) {
    eventSynchronize.call(event);
  }

  /** Time between two events that are done. */
  public float elapsedMilliseconds(long start, long end) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_FLOAT);
      eventElapsedTime.call(out, start, end);
      return out.get(JAVA_FLOAT, 0);
    }
  }

  /**
   * Loads a module.
   *
   * @param image PTX text, ending in a zero byte
   * @param options option numbers (int) and {@code values} (one 64-bit slot each)
   */
  public long loadModule(
      MemorySegment image, int count, MemorySegment options, MemorySegment values) {
    return longOut(out -> moduleLoadDataEx.call(out, image, count, options, values));
  }

  public void unloadModule(long module) {
    moduleUnload.call(module);
  }

  public long moduleFunction(long module, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(name);
      return longOut(out -> moduleGetFunction.call(out, module, text));
    }
  }

  public int functionAttribute(FunctionAttribute attribute, long function) {
    return intOut(out -> funcGetAttribute.call(out, attribute.number(), function));
  }

  public void setFunctionAttribute(long function, FunctionAttribute attribute, int value) {
    funcSetAttribute.call(function, attribute.number(), value);
  }

  /**
   * Launches a kernel.
   *
   * @param arguments pointers to the arguments' values
   */
  public void launch(
      long function,
      int gridX,
      int gridY,
      int gridZ,
      int threads,
      int sharedBytes,
      long stream,
      MemorySegment arguments) {
    try {
      launchKernel.check(
          (int)
              Launch.HANDLE.invokeExact(
                  launchKernel.address(),
                  function,
                  gridX,
                  gridY,
                  gridZ,
                  threads,
                  1,
                  1,
                  sharedBytes,
                  stream,
                  arguments,
                  MemorySegment.NULL));
    } catch (Throwable t) {
      throw NativeFunction.broken(t);
    }
  }

  /** Blocks of a kernel that fit on one multiprocessor at once. */
  public int activeBlocks(long function, int threads, long sharedBytes) {
    return intOut(out -> occupancy.call(out, function, threads, sharedBytes));
  }

  public long instantiateGraph(long graph) {
    return longOut(out -> graphInstantiate.call(out, graph, 0L));
  }

  public void launchGraph(long executable, long stream) {
    graphLaunch.call(executable, stream);
  }

  /** Number of a graph's nodes. */
  public long graphNodes(long graph) {
    return longOut(out -> graphGetNodes.call(graph, MemorySegment.NULL, out));
  }

  public void destroyGraph(long graph) {
    graphDestroy.call(graph);
  }

  public void destroyExecutableGraph(long executable) {
    graphExecDestroy.call(executable);
  }

  private static boolean done(NativeFunction query, long handle) {
    int status = query.status(handle);
    if (status == NOT_READY) {
      return false;
    }
    query.check(status);
    return true;
  }

  /** A call with one out-parameter, its first argument or its last. */
  private interface OutCall {
    void into(MemorySegment out);
  }

  private static int intOut(OutCall call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      call.into(out);
      return out.get(JAVA_INT, 0);
    }
  }

  private static long longOut(OutCall call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      call.into(out);
      return out.get(JAVA_LONG, 0);
    }
  }

  private static String textOut(OutCall call) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(NAME_BYTES);
      call.into(out);
      return out.getString(0);
    }
  }
}
