package io.gptjava.cuda.ffi;

/**
 * What the bindings of all libraries share: functions by name, and a status turned into an error.
 */
abstract class NativeApi {
  private final NativeLibrary library;

  NativeApi(NativeLibrary library) {
    this.library = library;
  }

  /** The library behind these functions. */
  public final NativeLibrary library() {
    return library;
  }

  /** A function that must be there. */
  final NativeFunction function(String symbol) {
    return new NativeFunction(this, symbol, library.address(symbol));
  }

  /** The error for a status that is not success. */
  abstract CudaException failure(String call, int status);
}
