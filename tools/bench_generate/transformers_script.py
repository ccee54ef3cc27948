"""What someone writes who generates text with transformers: folder, prompt, rows, new tokens."""

import sys

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

folder, prompt, rows, new_tokens = sys.argv[1:]
tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
given = tokenizer([prompt] * int(rows), return_tensors="pt", return_token_type_ids=False)
made = model.generate(**given, max_new_tokens=int(new_tokens), do_sample=False)
print(*tokenizer.batch_decode(made), sep="\n---\n")
