"""What named tensors are, as one hash: equal names, types, shapes and bits give equal digests, on any machine.

It does not know what the tensors mean, nor how they are stored: a file's own bytes may differ where the tensors do not.
"""

import hashlib
from collections.abc import Mapping

import torch


def tensors_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    """The hex SHA-256 over the tensors in order of name.

    Args:
        tensors: Tensors of any shape and type, on any device.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
