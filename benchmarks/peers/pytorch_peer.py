#!/usr/bin/env python3
"""PyTorch as a peer of ours: a process that peers/run.sh starts beside the others.

    pytorch_peer.py FOLDER fp32|bf16 DROPOUT THREADS cpu|cuda [eager|compile]

FOLDER holds task.json, model/model.safetensors and batches.bin as io.gptjava.benchmarks.peers.PeerTask describes them.
Speaks lines of JSON: first what this is; for each line of standard input with a number, that many training steps; at
the end its peak resident memory. Works with PyTorch 1.13 and later; with 2.0 and later attention is
scaled_dot_product_attention, before that the same written out. bf16 is autocast over fp32 weights.
"""

import json
import math
import resource
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as problem:
    sys.exit("PyTorch is missing: %s" % problem)

PEER, NAMES = "pytorch", ("weight", "bias")


def read_weights(path):
    """All tensors of a safetensors file, fp32."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        begin = 8 + length
        weights = {}
        for name, entry in header.items():
            if entry["dtype"] != "F32":
                sys.exit("%s: %s is %s, not F32" % (path, name, entry["dtype"]))
            first, last = entry["data_offsets"]
            file.seek(begin + first)
            data = bytearray(file.read(last - first))
            weights[name] = torch.frombuffer(data, dtype=torch.float32).reshape(entry["shape"])
        return weights


class Gpt(torch.nn.Module):
    """GPT-2 of the shape that the task says."""

    def __init__(self, shape, dropout, weights):
        super().__init__()
        self.heads, self.layers, self.dropout = shape["heads"], shape["layers"], dropout
        self.fused_attention = hasattr(F, "scaled_dot_product_attention")
        self.index = {}
        self.tensors = torch.nn.ParameterList()
        for name, tensor in weights.items():
            if name.endswith("attn.c_attn.bias") and not shape["qkv_bias"]:
                continue  # a zero that Transformers wants
            linear = name.endswith(".weight") and (".attn." in name or ".mlp." in name)
            self.index[name] = len(self.tensors)
            self.tensors.append(torch.nn.Parameter(tensor.t().contiguous() if linear else tensor.clone()))
        self.head = "lm_head.weight" if "lm_head.weight" in self.index else "transformer.wte.weight"

    def get(self, name):
        return self.tensors[self.index[name]] if name in self.index else None

    def linear(self, x, name):
        return F.linear(x, self.get(name + ".weight"), self.get(name + ".bias"))

    def norm(self, x, name):
        weight, bias = (self.get("%s.%s" % (name, part)) for part in NAMES)
        return F.layer_norm(x, weight.shape, weight, bias, 1e-5)

    def drop(self, x):
        return F.dropout(x, self.dropout, True) if self.dropout else x

    def attention(self, x, name):
        b, t, c = x.shape
        q, k, v = self.linear(x, name + "c_attn").view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        if self.fused_attention:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout, is_causal=True)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(c // self.heads)
            mask = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
            y = self.drop(scores.masked_fill(mask, -math.inf).softmax(-1)) @ v
        return self.linear(y.transpose(1, 2).reshape(b, t, c), name + "c_proj")

    def forward(self, tokens, targets):
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        x = F.embedding(tokens, self.get("transformer.wte.weight"))
        x = self.drop(x + F.embedding(positions, self.get("transformer.wpe.weight")))
        for layer in range(self.layers):
            block = "transformer.h.%d." % layer
            x = x + self.drop(self.attention(self.norm(x, block + "ln_1"), block + "attn."))
            hidden = F.gelu(self.linear(self.norm(x, block + "ln_2"), block + "mlp.c_fc"), approximate="tanh")
            x = x + self.drop(self.linear(hidden, block + "mlp.c_proj"))
        logits = F.linear(self.norm(x, "transformer.ln_f"), self.get(self.head))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.view(-1))


def optimizer(parameters, adamw, device):
    """AdamW, fused where this PyTorch can."""
    settings = dict(lr=adamw["learning_rate"], betas=(adamw["beta1"], adamw["beta2"]), eps=adamw["epsilon"],
                    weight_decay=adamw["weight_decay"])
    for fast in ("fused", "foreach"):
        try:
            made = torch.optim.AdamW(parameters, **settings, **{fast: True})
            return made, fast + " AdamW"
        except (RuntimeError, TypeError):
            pass
    return torch.optim.AdamW(parameters, **settings), "AdamW"


def say(answer):
    print(json.dumps(answer), flush=True)


def main():
    if len(sys.argv) not in (6, 7):
        sys.exit(__doc__)
    folder, precision, dropout, threads, device = sys.argv[1:6]
    mode = sys.argv[6] if len(sys.argv) > 6 else "eager"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device")
    if int(threads):
        torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    with open(folder + "/task.json") as file:
        task = json.load(file)
    model = Gpt(task["model"], float(dropout), read_weights(folder + "/model/model.safetensors")).to(device)
    adamw, kind = optimizer(list(model.parameters()), task["adamw"], device)
    compute = torch.compile(model) if mode == "compile" else model
    about = {
        "peer": PEER, "version": torch.__version__,
        "settings": "%s, %s, %s attention, %s, denormals flushed" % (
            mode, "fp32" if precision == "fp32" else "bf16 autocast, fp32 weights",
            "fused" if model.fused_attention else "plain", kind),
        "parallel": torch.__config__.parallel_info(),
    }
    if device == "cuda":
        about["device"] = torch.cuda.get_device_name()
    say(about)
    shape = (task["batch_size"], task["sequence_length"])
    size = 4 * shape[0] * shape[1]
    number = 0
    with open(folder + "/batches.bin", "rb") as batches:
        for line in sys.stdin:
            answer = {"ms": [], "losses": []}
            for _ in range(int(line)):
                batches.seek(2 * size * (number % task["batches"]))
                tokens, targets = (
                    torch.frombuffer(bytearray(batches.read(size)), dtype=torch.int32).reshape(shape).long()
                    for _ in range(2))
                number += 1
                for group in adamw.param_groups:
                    group["lr"] = task["adamw"]["learning_rate"] * min(1, number / task["adamw"]["warmup_steps"])
                begin = time.perf_counter()
                tokens, targets = tokens.to(device), targets.to(device)
                with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                    loss = compute(tokens, targets)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), task["adamw"]["clip"])
                adamw.step()
                adamw.zero_grad(set_to_none=True)
                value = loss.item()
                if device == "cuda":
                    torch.cuda.synchronize()
                answer["ms"].append((time.perf_counter() - begin) * 1e3)
                answer["losses"].append(value)
            say(answer)
    end = {"peak_resident_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if device == "cuda":
        end["peak_device_bytes"] = torch.cuda.max_memory_allocated()
    say(end)


if __name__ == "__main__":
    main()
