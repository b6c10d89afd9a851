package io.gptjava.cli.config;

import io.gptjava.core.Backend;
import io.gptjava.core.BackendOptions;
import io.gptjava.core.BackendOptions.Blas;
import io.gptjava.core.BackendOptions.CpuMatmul;
import io.gptjava.core.BackendProvider;
import io.gptjava.core.Backends;
import io.gptjava.core.Failure;
import io.gptjava.core.GptException;
import io.gptjava.core.Precision;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Which backend to open, and how.
 *
 * @param name as given to {@code --backend}
 * @param precision that it must compute in
 */
public record BackendChoice(String name, BackendOptions options, Precision precision) {
  private static final String CUDA = "cuda";
  private static final String CPU = "cpu";

  /**
   * The choice of a training run.
   *
   * @param environment says where CUDA is and where caches go; without a home nothing is kept
   */
  public static BackendChoice of(ResolvedSettings settings, Map<String, String> environment) {
    Precision precision = Precision.valueOf(settings.text("precision").toUpperCase(Locale.ROOT));
    BackendOptions options =
        hints(environment)
            .withDevice(settings.integer("device"))
            .withThreads(settings.integer("threads"))
            .withTf32(precision == Precision.TF32)
            .withSyncKernels(settings.flag("sync-kernels"));
    if (settings.has("cpu-matmul")) {
      options =
          options.withCpuMatmul(
              CpuMatmul.valueOf(settings.text("cpu-matmul").toUpperCase(Locale.ROOT)));
    }
    if (settings.has("blas")) {
      options = options.withBlas(Blas.valueOf(settings.text("blas").toUpperCase(Locale.ROOT)));
    }
    return new BackendChoice(settings.text("backend"), options, precision);
  }

  /** The choice of a command that has no settings: fp32 on the first device. */
  public static BackendChoice of(String name, int threads, Map<String, String> environment) {
    return new BackendChoice(name, hints(environment).withThreads(threads), Precision.FP32);
  }

  /** What the environment says about the machine. */
  public static BackendOptions hints(Map<String, String> environment) {
    BackendOptions options =
        BackendOptions.DEFAULT.withCuda(
            path(environment, "GPT_CUDA_LIBRARY"),
            path(environment, "CUDA_HOME")
                .or(() -> path(environment, "VIRTUAL_ENV"))
                .or(() -> path(environment, "CONDA_PREFIX")));
    return path(environment, "XDG_CACHE_HOME")
        .or(() -> path(environment, "HOME").map(home -> home.resolve(".cache")))
        .map(caches -> options.withCache(caches.resolve("gpt-java")))
        .orElse(options);
  }

  private static Optional<Path> path(Map<String, String> environment, String variable) {
    return Optional.ofNullable(environment.get(variable))
        .filter(value -> !value.isEmpty())
        .map(Path::of);
  }

  /**
   * Opens it.
   *
   * @throws GptException with {@link Failure#DEVICE} if it cannot run here or not in the precision
   */
  public Backend open() {
    check();
    Backend backend = Backends.open(name, options);
    try {
      if (!backend.precisions().contains(precision)) {
        throw new GptException(
            Failure.DEVICE,
            "--precision %s: the %s backend computes in %s; use one of these%s"
                .formatted(
                    lower(precision),
                    backend.name(),
                    supported(backend),
                    precision == Precision.FP16
                        ? "\nfp16 is for NVIDIA GPUs (--backend cuda); elsewhere bf16, where the processor has it, needs no loss scaling"
                        : ""));
      }
      refuseCudaOptions(backend.name());
      refuseCpuOptions(backend.name());
      return backend;
    } catch (RuntimeException e) {
      backend.close();
      throw e;
    }
  }

  /**
   * Checks that the backend exists and can run here, without opening it.
   *
   * @throws GptException with {@link Failure#DEVICE} if not
   */
  public void check() {
    if (name.equals("auto")) {
      return;
    }
    BackendProvider provider =
        Backends.providers().stream()
            .filter(p -> p.name().equals(name))
            .findFirst()
            .orElseThrow(
                () ->
                    new GptException(
                        Failure.DEVICE,
                        "--backend %s is not part of this build; use --backend auto or --backend cpu"
                            .formatted(name)));
    provider
        .reasonUnavailable(options)
        .ifPresent(
            reason -> {
              throw new GptException(
                  Failure.DEVICE, "--backend %s cannot run here: %s".formatted(name, reason));
            });
    refuseCudaOptions(name);
    refuseCpuOptions(name);
  }

  /** What only CUDA heeds must not be ignored elsewhere. */
  private void refuseCudaOptions(String backend) {
    if (backend.equals(CUDA)) {
      return;
    }
    String flag =
        options.device() != 0
            ? "--device " + options.device()
            : options.blas() != Blas.PANAMA
                ? "--blas " + options.blas().name().toLowerCase(Locale.ROOT)
                : options.syncKernels() ? "--sync-kernels" : null;
    if (flag != null) {
      throw new GptException(
          Failure.DEVICE,
          "%s is for the CUDA backend, but this run is on the %s backend; leave it out"
              .formatted(flag, backend));
    }
  }

  /** What only the CPU backend heeds, likewise. */
  private void refuseCpuOptions(String backend) {
    if (options.cpuMatmul() != CpuMatmul.VECTOR && !backend.equals(CPU)) {
      throw new GptException(
          Failure.DEVICE,
          "--cpu-matmul %s is for the CPU backend, but this run is on the %s backend; leave it out"
              .formatted(options.cpuMatmul().name().toLowerCase(Locale.ROOT), backend));
    }
  }

  private static String supported(Backend backend) {
    return backend.precisions().stream()
        .sorted()
        .map(BackendChoice::lower)
        .collect(Collectors.joining(", "));
  }

  private static String lower(Precision precision) {
    return precision.name().toLowerCase(Locale.ROOT);
  }
}
