"""What the pages of the report's own findings say; those of the audit's rules are the rules' docstrings."""

REPORTED = {
    "CS101": (
        "The attention heads cannot be shared out evenly among the key and value heads, so no model can be "
        "built. Fix: a divisor of `num_attention_heads`; `--set num_key_value_heads=8` tries one."
    ),
    "CS102": (
        "Most classes take `hidden_size / num_attention_heads` as the size of a head, and fail, or round "
        "down, where that is not whole. Fix: state `head_dim`, or correct either number."
    ),
    "CS110": (
        "The key looks as if it gave tensors a shape (a size, a count, a rank), and neither the declaration "
        "of the type nor the list of keys known to be inert knows it. The count may lack something: "
        "confidence falls to `declared-unseen`. Fix: check what reads the key; a private key is best named so "
        "that it cannot be taken for a size."
    ),
    "CS111": (
        "The key is absent, and transformers 4 and 5 take different values for it: the same file is two "
        "models. Fix: write the key into the config."
    ),
    "CS112": (
        "`auto_map` names classes in the repository's own files. They are never run here, so what they add is "
        "not seen. Fix: none is needed where transformers has a class of the same layout; otherwise "
        "`trust_remote_code` is the reader's choice."
    ),
    "CS113": (
        "`model_type` is absent or names another type than the class in `architectures`. The class decides. "
        "Fix: write the `model_type` of the class."
    ),
    "CS114": (
        "Without `dtype` (or `torch_dtype`) nobody knows in which precision the weights are meant to be "
        "loaded; bf16 is assumed for figures in bytes. Fix: state it."
    ),
    "CS115": (
        "The type reads a key under two names and the file gives both, with different values. Loaders take "
        "one of them, which one depends on the version. Fix: keep the one that is right."
    ),
    "CS116": (
        "No class is named in `architectures`, and the type has no class for causal language models: the base "
        "model, without a head, is counted. Fix: name the class that was saved."
    ),
    "CS117": (
        "transformers allocates tensors that the forward pass never reads, so its count and its checkpoint "
        "are larger than the model that is described. Fix: none; the difference is named in the report."
    ),
    "CS118": (
        "`tie_word_embeddings` is false and the class ties the head all the same. A head that is stored is "
        "not loaded. Fix: none in the file; readers should know that the count is the class's."
    ),
    "CS119": (
        "`architectures` names a class that transformers does not have: what it adds to the type's own class "
        "is not counted. Fix: none, if the repository brings the class itself."
    ),
    "CS120": (
        "The config says that further prediction layers are there, and not of which form. They are left out "
        "of the count. Fix: none; headers of the stored tensors (`--headers`) count them."
    ),
    "CS121": (
        "transformers has no class for the type, so its declaration was held against published layouts and "
        "totals only, never against an empty model. Fix: none."
    ),
    "CS130": (
        "What is known of a nanochat model fits several of its releases, which differ in parameters. The "
        "report gives the range. Fix: `release=` says which it was."
    ),
    "CS131": (
        "A later nanochat was exported to the class in transformers, which lacks some of its tensors: the "
        "export computes something else. Fix: load the native checkpoint with the release that wrote it."
    ),
    "CS201": (
        "The declaration of the type and the empty model that transformers builds disagree: one of the two is "
        "wrong. The exact count is taken. Fix: please report it with the config."
    ),
    "CS202": (
        "The Hub counts the numbers in the safetensors files. What they have beyond the counted parameters "
        "was not explained by masks, scales, packed words, prediction layers or a stored head. Fix: "
        "`--headers` names every tensor."
    ),
    "CS203": (
        "A tensor's shape is not the one the config declares: the weights belong to another config, or one "
        "was edited. Loading fails, or initializes the tensor anew. Fix: take the config that was saved with "
        "the weights."
    ),
    "CS204": (
        "`model.safetensors.index.json` and the shards' own headers list different tensors, or claim another "
        "size. Loaders follow the index. Fix: save again, so that both are written together."
    ),
    "CS205": (
        "The index names a shard or a tensor that is not there: an upload broke off, or a file was renamed. "
        "Loading fails, or leaves the tensor as it was initialized. Fix: upload what is missing."
    ),
    "CS206": (
        "The Hub's total of the repository is not the sum of what its files' headers say. Whatever relies on "
        "the total is off. Fix: none by the author; the headers are taken here."
    ),
    "CS207": (
        "Some tensors are packed in a way that is not decoded here, so their logical numbers are unknown and "
        "no total is given. Fix: please report the format."
    ),
    "CS208": (
        "The embedding has more rows than `vocab_size`: rows were added for alignment, or tokens without "
        "telling the config. They cost memory and no token uses them. Fix: write the number of rows, if "
        "tokens use them."
    ),
    "CS209": ("Several sets of weights lie in the repository; the finding says which was read. Fix: none."),
    "CS210": (
        "Headers were asked for, and the files could not be read: cut off, no safetensors, or refused by the "
        "Hub. Fix: the message says why."
    ),
    "CS211": (
        "The exact count was asked for with `--exact`. The model took too long or too much memory, crashed "
        "the child that built it, or transformers has no such class. The row has its other figures. Fix: "
        "`--exact-timeout` and `--exact-memory` allow more."
    ),
    "CS212": (
        "The repository holds an adapter, not a model: what is stored are its own few parameters. The base model is "
        "named, and where its config can be read, the count that the adapter's config predicts, rank times inputs "
        "plus outputs for each target matrix. Fix: nothing; give the base model to count that."
    ),
    "CS213": (
        "What the adapter's config predicts (rank times inputs plus outputs for each target matrix of the base model) "
        "is not what is stored: the rank, the targets or the base model is another one, or a part was not uploaded. "
        "Fix: compare `adapter_config.json` with the tensors' shapes."
    ),
    "CS214": (
        "Fewer parameters are stored than the config declares, and no index says that a file is missing. On loading, "
        "transformers fills what is not there with random numbers and warns. Fix: upload the rest, or correct the "
        "sizes or the class in the config."
    ),
}
"""Code → what, why and how to fix."""
