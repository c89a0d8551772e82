"""How the towers and wrappers that were declared last draw the keys that ask for more than the shared rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.knobs import pool

if TYPE_CHECKING:
    from tests.oracle.knobs import Rule

RULES: dict[str, dict[str, Rule]] = {
    "gemma3n_audio": {
        "conf_num_attention_heads": pool(6, 8, 12),
        "conf_num_hidden_layers": pool(2, 3, 5),
        "conf_conv_kernel_size": pool(3, 7, 9),
        "input_feat_size": pool(40, 57, 80),
        "sscp_conv_channel_size": pool([24, 10], [36, 14]),
        "sscp_conv_kernel_size": pool([[3, 5], [5, 3]], [[5, 3], [3, 3]]),
        "sscp_conv_stride_size": pool([[2, 2], [2, 3]], [[2, 3], [2, 2]]),
    },
}
