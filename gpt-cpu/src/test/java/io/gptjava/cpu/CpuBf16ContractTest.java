package io.gptjava.cpu;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import io.gptjava.core.contract.AttentionContract;
import io.gptjava.core.contract.ElementwiseContract;
import io.gptjava.core.contract.EmbeddingContract;
import io.gptjava.core.contract.HeadContract;
import io.gptjava.core.contract.LinearContract;
import io.gptjava.core.contract.NormContract;
import io.gptjava.cpu.onednn.OneDnn;
import io.gptjava.cpu.onednn.OneDnnSupport;
import java.util.List;
import org.junit.jupiter.api.Nested;

/**
 * The contract of the ops on activations in bf16, products by oneDNN where the processor has them,
 * on one thread; three threads must repeat it bit for bit. The optimizer's tensors are fp32 in
 * every precision, and its bf16 copy is part of {@link CpuContractTest}.
 */
final class CpuBf16ContractTest {
  private static Backend backend(int threads) {
    return new CpuBackend(threads, () -> OneDnnSupport.of(OneDnn.api()));
  }

  @Nested
  class Embedding extends EmbeddingContract {
    @Override
    protected Backend open() {
      return backend(1);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(backend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }

  @Nested
  class Norm extends NormContract {
    @Override
    protected Backend open() {
      return backend(1);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(backend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }

  @Nested
  class Linear extends LinearContract {
    @Override
    protected Backend open() {
      return backend(1);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(backend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }

  @Nested
  class Elementwise extends ElementwiseContract {
    @Override
    protected Backend open() {
      return backend(1);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(backend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }

  @Nested
  class Attention extends AttentionContract {
    @Override
    protected Backend open() {
      return backend(1);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(backend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }

  @Nested
  class Head extends HeadContract {
    @Override
    protected Backend open() {
      return backend(1);
    }

    @Override
    protected List<Backend> openTwins() {
      return List.of(backend(3));
    }

    @Override
    protected DType type() {
      return DType.BF16;
    }
  }
}
