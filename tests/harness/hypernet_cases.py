"""Small checkpoints for nano, as trained ones would be stored."""

import torch

from code2lora.backbone import load_backbone
from code2lora.checkpoints import Checkpoint, save_checkpoint
from code2lora.conditioned import MemoryConfig, MemoryHead
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import target_modules, type_dims
from code2lora.memory_checkpoints import MemoryCheckpoint, save_memory_checkpoint
from code2lora.symbol_features import Definition, symbol_features
from code2lora.text_checkpoints import TextCheckpoint, save_text_checkpoint
from code2lora.text_head import Text2LoRAConfig, Text2LoRAHead
from repopeftbench.schema import SymbolKind

STATE_WIDTH = 16
TRAINED_WITH = {"encoder": "nano", "state_recipe": "clean"}


def small_checkpoint(method, *, silent=False, width=None, **sizes):
    """A random checkpoint of a method for nano; the adapters of a silent one change nothing.

    `width` is that of the vectors that it is conditioned on; None is that of nano's.
    """
    backbone = load_backbone("nano", device="cpu")
    width = width or 2 * backbone.model.config.hidden_size
    is_walk = method == "code2lora-evo"
    sizes = {"type_dims": type_dims(target_modules(backbone.model)), "hidden_dim": 8, "rank": 2, "alpha": 16.0} | sizes
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = Code2LoRAHead(HeadConfig(**{"input_dim": STATE_WIDTH if is_walk else width} | sizes))
        gru = CommitGRU(GRUConfig(diff_input_dim=width, repo_state_dim=width, hidden_dim=STATE_WIDTH))
    with torch.no_grad():
        for scale in (*head.log_scale_A.values(), *head.log_scale_B.values()):
            scale.fill_(-1.2)  # the largest that counts: adapters of untrained heads should be seen in answers
        if silent:
            for linear in head.heads_B.values():
                linear.weight.zero_()
                linear.bias.zero_()
    return Checkpoint(head=head, gru=gru if is_walk else None, origin=TRAINED_WITH)


def small_memory(*, silent=False, backbone_sha256=None, **sizes):
    """A random memory for nano that is fitted to a few constants; the adapters of a silent one change nothing."""
    backbone = load_backbone("nano", device="cpu")
    features = symbol_features("states", backbone)
    dims = type_dims(target_modules(backbone.model))
    sizes = {"type_dims": {"o_proj": dims["o_proj"]}, "rank": 16, "shared_rank": 2, "alpha": 18.0, "layers": 6} | sizes
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = MemoryHead(MemoryConfig(key_dim=features.key_dim, value_dim=features.value_dim, **sizes))
    writes = [features.writes(Definition(SymbolKind.CONSTANT, f"NAME_{n}", f"{n} * {n}")) for n in range(8)]
    head.fit(torch.cat([one.keys_SF for one in writes]), torch.cat([one.values_SF for one in writes]), "o_proj")
    if silent:
        head.scale_generated(0.0)
    elif "o_proj" in sizes["type_dims"]:
        # A repository that defines nothing has an adapter too, which must be seen to be there.
        with torch.no_grad():
            head.bases["Bs_o_proj"].fill_(0.5)
    return MemoryCheckpoint(
        head=head, symbols="states", records=64, backbone_sha256=backbone_sha256 or backbone.weights_sha256
    )


def small_text():
    """A random `text2lora` for nano, given descriptions, whose adapters differ."""
    backbone = load_backbone("nano", device="cpu")
    width, layers = backbone.model.config.hidden_size, backbone.model.config.num_hidden_layers
    dims = type_dims(target_modules(backbone.model))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        config = Text2LoRAConfig(type_dims=dims, layers=layers, input_dim=width, latent_dim=8, rank=2, alpha=4.0)
        head = Text2LoRAHead(config)
        for linear in (*head.heads_A.values(), *head.heads_B.values()):
            linear.weight.normal_(std=0.2)
    return TextCheckpoint(head=head, input="description", origin=TRAINED_WITH)


def save_small_checkpoints(folder):
    """All methods' checkpoints in a folder; their names by method."""
    save_text_checkpoint(folder / "text2lora", small_text())
    save_memory_checkpoint(folder / "code2lora-memory", small_memory())
    names = {name: str(folder / name) for name in ("code2lora-memory", "text2lora")}
    for method in ("code2lora-static", "code2lora-evo"):
        save_checkpoint(folder / method, small_checkpoint(method))
        names[method] = str(folder / method)
    return names
