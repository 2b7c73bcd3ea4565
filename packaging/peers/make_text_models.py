"""Write the language models that are measured: ``make_text_models.py KIND FOLDER``.

``gpt2``, in the environment ``optimum``: a GPT-2 of 6 layers and width 384 with random
weights, as transformers saves it in ``torch`` and as Optimum exports it in ``onnx``.
``llama``, in the environment ``genai``: a Llama of the same size, as the builder of
onnxruntime-genai writes it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

LAYERS, WIDTH, HEADS, WORDS, CONTEXT = 6, 384, 12, 8192, 2304
SPREAD = 0.08  # of the weights: enough for one token to stand out
END = "<|endoftext|>"


def main(kind: str, folder: Path) -> None:
    """Write one model."""
    torch.manual_seed(0)
    source = folder / "torch"
    source.mkdir(parents=True, exist_ok=True)
    write_tokenizer(source)
    {"gpt2": write_gpt2, "llama": write_llama}[kind](source, folder)
    (folder / "complete").touch()


def write_tokenizer(folder: Path) -> None:
    """Write a byte-level tokenizer with a token for each of the words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words = (f" {number:05d}" for number in range(100_000))
    tokenizer.train_from_iterator(words, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, bos_token=END
    ).save_pretrained(folder)


def write_gpt2(source: Path, folder: Path) -> None:
    """Write a GPT-2, and what Optimum makes of it."""
    from optimum.exporters.onnx import main_export
    from transformers import GPT2Config

    config = GPT2Config(
        vocab_size=WORDS,
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        initializer_range=SPREAD,
        bos_token_id=0,
        eos_token_id=0,
    )
    AutoModelForCausalLM.from_config(config).eval().save_pretrained(source)
    main_export(
        str(source),
        folder / "onnx",
        task="text-generation-with-past",
        do_validation=False,
    )


def write_llama(source: Path, folder: Path) -> None:
    """Write a Llama, and what the builder of onnxruntime-genai makes of it."""
    from transformers import LlamaConfig

    config = LlamaConfig(
        vocab_size=WORDS,
        max_position_embeddings=CONTEXT,
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        initializer_range=SPREAD,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
    )
    AutoModelForCausalLM.from_config(config).eval().save_pretrained(source)
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
    command += ["-i", str(source), "-o", str(folder / "genai")]
    command += ["-p", "fp32", "-e", "cpu", "-c", str(folder / "cache")]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
