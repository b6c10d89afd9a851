package io.gptjava.core.contract;

import io.gptjava.core.Backend;
import io.gptjava.core.DType;
import java.util.List;
import org.junit.jupiter.api.Nested;

/**
 * What every backend must do: all groups of ops against the reference. A backend's test class
 * extends this one and opens the backend.
 */
public abstract class OpsContract {
  /** Opens the backend under test. */
  protected abstract Backend open();

  /** Opens further backends whose results must equal those of {@link #open()} bit for bit. */
  protected List<Backend> openTwins() {
    return List.of();
  }

  /** Dtype of activations and weights under test. */
  protected DType type() {
    return DType.F32;
  }

  @Nested
  final class Embedding extends EmbeddingContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Norm extends NormContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Linear extends LinearContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Elementwise extends ElementwiseContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Attention extends AttentionContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Head extends HeadContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Optimizer extends OptimizerContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class StochasticRounding extends StochasticRoundingContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }

  @Nested
  final class Shape extends ShapeContract {
    @Override
    protected Backend open() {
      return OpsContract.this.open();
    }

    @Override
    protected List<Backend> openTwins() {
      return OpsContract.this.openTwins();
    }

    @Override
    protected DType type() {
      return OpsContract.this.type();
    }
  }
}
