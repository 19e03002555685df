"""Parts that the transformer families share: attention, feed-forward, behaviour.

Letters as elsewhere, and L tokens that attend to one another.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

Size = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class FeedForward(nn.Sequential):
    """Two layers on each token by itself, GELU between them: (..., C), same shape out."""

    def __init__(self, channels: int, hidden: int, drop_rate: float) -> None:
        expand, project = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        super().__init__(expand, nn.GELU(), nn.Dropout(drop_rate), project)


class BehaviourMlp(nn.Sequential):
    """What the animal's state adds to every token: (..., 4) -> (..., C).

    All four channels, standardised. The facts name the network, not its inputs; two layers as wide
    as the tokens are this project's choice, and so is GELU.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Linear(4, channels), nn.GELU(), nn.Linear(channels, channels))


def attend(
    projected: Tensor,
    heads: int,
    *,
    bias: Tensor | None = None,
    causal: bool = False,
    drop_rate: float = 0.0,
) -> Tensor:
    """Attention of n sets of L tokens: (n, L, 3 * heads * head_size) -> (n, L, heads * head_size).

    The last axis holds queries, keys and values of each head. `bias` (heads, L, L) is added to the
    scores; if causal, a token sees itself and those before it. A GPU never holds the (L, L) scores, a
    CPU only where it trains with dropout or a bias.
    """
    split = projected.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    queries, keys, values = split.unbind(0)  # (n, heads, L, head_size)
    mask = None if bias is None else bias[None].to(queries.dtype)
    attended = F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, dropout_p=drop_rate, is_causal=causal
    )
    return attended.transpose(1, 2).flatten(2)
