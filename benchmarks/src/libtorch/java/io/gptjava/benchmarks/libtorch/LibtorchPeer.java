package io.gptjava.benchmarks.libtorch;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gptjava.benchmarks.peers.PeerServer;
import io.gptjava.benchmarks.peers.PeerTask;
import io.gptjava.core.Precision;
import io.gptjava.core.safetensors.SafetensorsFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch as a peer: a process with the arguments of {@link PeerTask#parse}.
 *
 * <p>bf16 is either automatic mixed precision (fp32 weights, bf16 products), or, with {@code
 * -Dlibtorch.bf16=weights}, bf16 weights and activations with fp32 masters, as ours.
 */
public final class LibtorchPeer {
  private static final long SEED = 1;
  private static final String LIBRARIES = "/org/bytedeco/pytorch/linux-x86_64/";

  private final PeerTask task;
  private final boolean autocast;
  private final TorchModel model;
  private final List<Tensor> masters;
  private final FusedAdamW optimizer;
  private final Tensor positions; // (T)

  private LibtorchPeer(PeerTask task, SafetensorsFile file, boolean halfWeights) {
    this.task = task;
    autocast = task.precision() == Precision.BF16 && !halfWeights;
    torch.manual_seed(SEED);
    model = new TorchModel(task.model(), file, halfWeights);
    masters = halfWeights ? copies(file) : model.parameters();
    optimizer = new FusedAdamW(masters, PeerTask.ADAM_W);
    positions = torch.arange(new Scalar(task.sequence()), type(torch.ScalarType.Long));
  }

  /** The weights in fp32, as they were before they were rounded. */
  private List<Tensor> copies(SafetensorsFile file) {
    return new TorchModel(task.model(), file, false).parameters();
  }

  private static TensorOptions type(torch.ScalarType type) {
    return new TensorOptions(type);
  }

  private double step(int number, int[] inputs, int[] targets) {
    try (PointerScope _ = new PointerScope()) {
      Tensor tokens = ids(inputs).view(task.batch(), task.sequence());
      if (autocast) {
        torch.set_autocast_enabled(torch.DeviceType.CPU, true);
      }
      Tensor loss = model.loss(tokens, ids(targets), positions);
      torch.set_autocast_enabled(torch.DeviceType.CPU, false);
      loss.backward();
      update(PeerTask.learningRate(number));
      return loss.item_double();
    }
  }

  private void update(double learningRate) {
    boolean half = masters != model.parameters();
    List<Tensor> gradients = new ArrayList<>();
    try (NoGradGuard _ = new NoGradGuard()) {
      for (Tensor weight : model.parameters()) {
        Tensor gradient = weight.grad();
        gradients.add(half ? gradient.toType(torch.ScalarType.Float) : gradient);
        if (half) {
          weight.mutable_grad().reset();
        }
      }
      for (int i = 0; i < masters.size(); i++) {
        masters.get(i).mutable_grad().put(gradients.get(i));
      }
      torch.clip_grad_norm_(FusedAdamW.vector(masters), PeerTask.CLIP);
      optimizer.update(gradients, learningRate);
      for (int i = 0; i < masters.size(); i++) {
        masters.get(i).mutable_grad().reset();
        if (half) {
          model.parameters().get(i).detach().copy_(masters.get(i));
        }
      }
    }
  }

  private static Tensor ids(int[] ids) {
    long[] wide = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      wide[i] = ids[i];
    }
    Tensor tensor = torch.empty(new long[] {ids.length}, type(torch.ScalarType.Long), null);
    new LongPointer(tensor.data_ptr()).put(wide);
    return tensor;
  }

  /** Trains as it is told on standard input. */
  public static void main(String[] arguments) throws IOException {
    PeerTask task = PeerTask.parse(arguments);
    if (!task.device().equals("cpu")) {
      throw new IllegalArgumentException("this libtorch computes on the CPU only");
    }
    boolean halfWeights =
        task.precision() == Precision.BF16
            && System.getProperty("libtorch.bf16", "autocast").equals("weights");
    // JavaCPP unpacks one library at a time, and libtorch.so crashes if libtorch_cpu.so is not
    // there.
    Loader.cacheResources(LIBRARIES);
    torch.set_num_threads(task.actualThreads());
    org.bytedeco.pytorch.Context.setFlushDenormal(true);
    torch.set_autocast_dtype(torch.DeviceType.CPU, torch.ScalarType.BFloat16);
    // Its entries would have to be thrown away after each update; each weight is used once.
    torch.set_autocast_cache_enabled(false);
    LibtorchPeer peer;
    try (SafetensorsFile file =
        SafetensorsFile.open(task.folder().resolve(PeerTask.MODEL).resolve("model.safetensors"))) {
      peer = new LibtorchPeer(task, file, halfWeights);
    }
    ObjectNode about = new ObjectMapper().createObjectNode();
    about
        .put("peer", "libtorch")
        .put("version", torch.class.getPackage().getImplementationVersion());
    about.put(
        "settings",
        (task.precision() == Precision.FP32
                ? "fp32"
                : halfWeights ? "bf16 weights, fp32 masters" : "bf16 autocast, fp32 weights")
            + ", fused AdamW, denormals flushed");
    about.put("parallel", torch.get_parallel_info().getString());
    new PeerServer(task, peer::step).serve(about, System.in, System.out);
  }
}
