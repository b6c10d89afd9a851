package io.gptjava.cuda;

import io.gptjava.core.Precision;
import java.util.List;
import java.util.OptionalDouble;
import java.util.regex.Pattern;

/**
 * Dense matrix product rates by NVIDIA's data sheets, to state model FLOPs utilisation against: SXM
 * parts of "NVIDIA H100 Tensor Core GPU", "NVIDIA H200 Tensor Core GPU" and "NVIDIA A100 Tensor
 * Core GPU", sparsity not counted.
 */
final class DatasheetPeak {
  private static final double TERA = 1e12;

  /** A device by its name, and FLOP/s in bf16 (fp16 alike), TF32 and fp32. */
  private record Part(Pattern name, double bf16, double tf32, double fp32) {}

  private static final List<Part> PARTS =
      List.of(
          new Part(Pattern.compile("\\bG?H[12]00\\b"), 989 * TERA, 495 * TERA, 67 * TERA),
          new Part(Pattern.compile("\\bA100\\b"), 312 * TERA, 156 * TERA, 19.5 * TERA));

  private DatasheetPeak() {}

  /** FLOP/s of a device that is known; the PCIe versions of these parts are slower. */
  static OptionalDouble of(String device, Precision precision) {
    return PARTS.stream()
        .filter(part -> part.name.matcher(device).find())
        .mapToDouble(
            part ->
                switch (precision) {
                  case FP32 -> part.fp32;
                  case TF32 -> part.tf32;
                  case BF16, FP16 -> part.bf16;
                })
        .findFirst();
  }
}
