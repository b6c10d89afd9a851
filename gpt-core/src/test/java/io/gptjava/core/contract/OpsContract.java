package io.gptjava.core.contract;

import io.gptjava.core.Backend;
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
  }
}
