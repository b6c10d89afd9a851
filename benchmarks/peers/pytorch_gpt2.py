#!/usr/bin/env python3
"""Training steps of GPT-2 124M in PyTorch, as a peer of `gpt bench train`.

Same model (124,439,808 parameters, tied head, biases everywhere, no dropout), same vocabulary padding (50,304 rows;
here the padding takes part in the softmax, which is faster than cutting it off), same optimizer (AdamW over all
parameters, gradients clipped to a global norm of 1), random tokens, and the same way to time: a step is issued before
the loss of the one before is read, and a step's time is the time from one loss to the next on the host.

Prints one JSON object a line and case. A case that fails or runs out of time says so in its line; the others go on.

    pytorch_gpt2.py --batch-size 1,4,16,64 --mode eager,compile --attention flash
"""

import argparse
import gc
import json
import math
import os
import signal
import statistics
import sys
import time

WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY = 768, 12, 12, 1024, 50257
ATTENTIONS = ("flash", "efficient", "cudnn", "math", "best")
MODES = ("eager", "compile", "max-autotune")


class OutOfTime(Exception):
    """The case's time limit is over."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch-size", default="1,4,16,64", help="sequences a step, several by commas")
    parser.add_argument("--sequence-length", type=int, default=CONTEXT)
    parser.add_argument("--mode", default="eager,compile", help=", ".join(MODES))
    parser.add_argument("--attention", default="flash", help=", ".join(ATTENTIONS))
    parser.add_argument("--weights", choices=("bf16", "autocast", "fp32"), default="autocast",
                        help="bf16: weights in bf16, fp32 masters beside; autocast: fp32 weights, bf16 products")
    parser.add_argument("--steps", type=int, default=20, help="timed steps")
    parser.add_argument("--warmup", type=int, default=5, help="steps before, beside compilation")
    parser.add_argument("--case-limit", type=int, default=120, help="seconds a case, compilation included")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--heads", type=int, default=HEADS)
    parser.add_argument("--vocab-size", type=int, default=VOCABULARY)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def choices(text, allowed, flag):
    values = text.split(",")
    for value in values:
        if value not in allowed:
            sys.exit("%s %s is none of %s" % (flag, value, ", ".join(allowed)))
    return values


args = arguments()
MODES_WANTED = choices(args.mode, MODES, "--mode")
ATTENTIONS_WANTED = choices(args.attention, ATTENTIONS, "--attention")
try:
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError as problem:
    print(json.dumps({"peer": "pytorch", "error": "PyTorch is missing: %s" % problem}))
    sys.exit(4)
if args.device == "cuda" and not torch.cuda.is_available():
    print(json.dumps({"peer": "pytorch", "torch": torch.__version__, "error": "PyTorch finds no CUDA device"}))
    sys.exit(4)


def backends(name):
    table = {
        "flash": [SDPBackend.FLASH_ATTENTION],
        "efficient": [SDPBackend.EFFICIENT_ATTENTION],
        "cudnn": [SDPBackend.CUDNN_ATTENTION],
        "math": [SDPBackend.MATH],
        "best": [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION,
                 SDPBackend.MATH],
    }
    return table[name]


class Block(nn.Module):
    """Pre-norm block: attention, then a GELU (tanh) perceptron of four times the width."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc = nn.Linear(width, 4 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(y.transpose(1, 2).reshape(b, t, c))
        return x + self.out(F.gelu(self.fc(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    """GPT-2 with a tied head over a padded vocabulary."""

    def __init__(self, vocabulary, context, width, layers, heads):
        super().__init__()
        self.vocabulary = vocabulary
        self.padded = (vocabulary + 127) // 128 * 128
        self.tokens = nn.Embedding(self.padded, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        for block in self.blocks:
            for last in (block.projection, block.out):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * layers))

    def parameter_count(self):
        padding = (self.padded - self.vocabulary) * self.tokens.weight.shape[1]
        return sum(p.numel() for p in self.parameters()) - padding

    def forward(self, tokens, targets):
        t = tokens.shape[1]
        x = self.tokens(tokens) + self.positions(torch.arange(t, device=tokens.device))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.norm(x), self.tokens.weight)
        return F.cross_entropy(logits.view(-1, self.padded).float(), targets.view(-1))


class Masters:
    """fp32 copies of bf16 weights for the optimizer, as mixed-precision training needs them."""

    def __init__(self, model):
        self.weights = list(model.parameters())
        self.masters = [w.detach().float().clone() for w in self.weights]

    def take_gradients(self):
        for master, weight in zip(self.masters, self.weights):
            master.grad = weight.grad.float()

    def write_back(self):
        with torch.no_grad():
            torch._foreach_copy_(self.weights, self.masters)


def synchronize():
    if args.device == "cuda":
        torch.cuda.synchronize()


class Trainer:
    def __init__(self, batch, mode, attention):
        torch.manual_seed(args.seed)
        context = max(CONTEXT, args.sequence_length)
        model = Gpt(args.vocab_size, context, args.width, args.layers, args.heads).to(args.device)
        self.parameters = model.parameter_count()
        self.masters = None
        if args.weights == "bf16":
            model = model.to(torch.bfloat16)
            self.masters = Masters(model)
        self.attention = attention
        self.model = model
        optimized = self.masters.masters if self.masters else list(model.parameters())
        fused = args.device == "cuda"
        self.optimized = optimized
        self.optimizer = torch.optim.AdamW(optimized, lr=4e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1,
                                           fused=fused)
        self.forward = model
        if mode == "compile":
            self.forward = torch.compile(model)
        elif mode == "max-autotune":
            self.forward = torch.compile(model, mode="max-autotune")
        shape = (batch, args.sequence_length)
        pinned = args.device == "cuda"
        make = lambda: torch.randint(args.vocab_size, shape, pin_memory=pinned)
        self.data = [(make(), make()) for _ in range(4)]
        self.step = 0

    def issue(self):
        """One step; returns its loss on the device."""
        tokens, targets = self.data[self.step % len(self.data)]
        self.step += 1
        tokens = tokens.to(args.device, non_blocking=True)
        targets = targets.to(args.device, non_blocking=True)
        with sdpa_kernel(backends(self.attention), set_priority=True):
            with torch.autocast(args.device, torch.bfloat16, enabled=args.weights == "autocast"):
                loss = self.forward(tokens, targets)
            loss.backward()
        if self.masters:
            self.masters.take_gradients()
        torch.nn.utils.clip_grad_norm_(self.optimized, 1.0)
        self.optimizer.step()
        if self.masters:
            self.masters.write_back()
        self.model.zero_grad(set_to_none=True)
        # A compiled graph may reuse the loss's memory in the next step.
        return loss.detach().clone()

    def measure(self):
        begin = time.perf_counter()
        self.issue().item()
        first = time.perf_counter() - begin
        for _ in range(args.warmup):
            self.issue().item()
        synchronize()
        if args.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        times = []
        pending = self.issue()
        last = None
        value = math.nan
        for _ in range(args.steps + 1):
            following = self.issue()
            value = pending.item()
            now = time.perf_counter()
            if last is not None:
                times.append((now - last) * 1e3)
            last = now
            pending = following
        pending.item()
        return first, times, value


def p95(times):
    return sorted(times)[math.ceil(0.95 * len(times)) - 1]


def run(batch, mode, attention):
    result = {
        "peer": "pytorch", "torch": torch.__version__, "mode": mode, "attention": attention,
        "weights": args.weights, "batch_size": batch, "sequence_length": args.sequence_length,
    }
    if args.device == "cuda":
        result["device"] = torch.cuda.get_device_name()
    try:
        signal.alarm(args.case_limit)
        trainer = Trainer(batch, mode, attention)
        first, times, loss = trainer.measure()
        median = statistics.median(times)
        tokens = batch * args.sequence_length
        flops = 6 * trainer.parameters + 6 * args.layers * args.width * args.sequence_length
        result.update({
            "parameters": trainer.parameters, "steps": len(times), "warmup_steps": 1 + args.warmup,
            "first_step_ms": first * 1e3, "step_ms_median": median, "step_ms_min": min(times),
            "step_ms_p95": p95(times), "tokens_per_second": tokens / (median * 1e-3),
            "tflops": flops * tokens / (median * 1e-3) / 1e12, "final_loss": loss,
        })
        if args.device == "cuda":
            result["peak_memory_bytes"] = torch.cuda.max_memory_allocated()
    except OutOfTime:
        result["error"] = "no result within %d s" % args.case_limit
    except Exception as problem:  # the next case may still work: a backend may refuse this shape
        result["error"] = "%s: %s" % (type(problem).__name__, (str(problem).splitlines() or [""])[0])
    finally:
        signal.alarm(0)
    return result


def out_of_time(_signal, _frame):
    raise OutOfTime()


def main():
    signal.signal(signal.SIGALRM, out_of_time)
    torch.set_float32_matmul_precision("high" if args.weights != "fp32" else "highest")
    print("pytorch %s, pid %d" % (torch.__version__, os.getpid()), file=sys.stderr)
    for batch in [int(b) for b in args.batch_size.split(",")]:
        for mode in MODES_WANTED:
            for attention in ATTENTIONS_WANTED:
                print(json.dumps(run(batch, mode, attention)), flush=True)
                if mode != "eager":
                    torch.compiler.reset()
                gc.collect()
                if args.device == "cuda":
                    torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
