"""Colour maps as tables.

Maps are shown in viridis: monotonous in lightness, so that it prints in grey
and is read alike by people with and without colour blindness.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

# The 256 colours of viridis (S. van der Walt and N. Smith, CC0) as RGB bytes.
_VIRIDIS = (
    "44015444025645045745055946075a46085c460a5d460b5e470d60470e61471063471164471365"
    "48146748166848176948186a481a6c481b6d481c6e481d6f481f70482071482173482374482475"
    "482576482677482878482979472a7a472c7a472d7b472e7c472f7d46307e46327e46337f463480"
    "453581453781453882443983443a83443b84433d84433e85423f85424086424186414287414487"
    "4045884046883f47883f48893e49893e4a893e4c8a3d4d8a3d4e8a3c4f8a3c508b3b518b3b528b"
    "3a538b3a548c39558c39568c38588c38598c375a8c375b8d365c8d365d8d355e8d355f8d34608d"
    "34618d33628d33638d32648e32658e31668e31678e31688e30698e306a8e2f6b8e2f6c8e2e6d8e"
    "2e6e8e2e6f8e2d708e2d718e2c718e2c728e2c738e2b748e2b758e2a768e2a778e2a788e29798e"
    "297a8e297b8e287c8e287d8e277e8e277f8e27808e26818e26828e26828e25838e25848e25858e"
    "24868e24878e23888e23898e238a8d228b8d228c8d228d8d218e8d218f8d21908d21918c20928c"
    "20928c20938c1f948c1f958b1f968b1f978b1f988b1f998a1f9a8a1e9b8a1e9c891e9d891f9e89"
    "1f9f881fa0881fa1881fa1871fa28720a38620a48621a58521a68522a78522a88423a98324aa83"
    "25ab8225ac8226ad8127ad8128ae8029af7f2ab07f2cb17e2db27d2eb37c2fb47c31b57b32b67a"
    "34b67935b77937b87838b9773aba763bbb753dbc743fbc7340bd7242be7144bf7046c06f48c16e"
    "4ac16d4cc26c4ec36b50c46a52c56954c56856c66758c7655ac8645cc8635ec96260ca6063cb5f"
    "65cb5e67cc5c69cd5b6ccd5a6ece5870cf5773d05675d05477d1537ad1517cd2507fd34e81d34d"
    "84d44b86d54989d5488bd6468ed64590d74393d74195d84098d83e9bd93c9dd93ba0da39a2da37"
    "a5db36a8db34aadc32addc30b0dd2fb2dd2db5de2bb8de29bade28bddf26c0df25c2df23c5e021"
    "c8e020cae11fcde11dd0e11cd2e21bd5e21ad8e219dae319dde318dfe318e2e418e5e419e7e419"
    "eae51aece51befe51cf1e51df4e61ef6e620f8e621fbe723fde725"
)

_DISTINCT = (
    (79, 179, 255),
    (230, 180, 80),
    (88, 199, 139),
    (214, 112, 173),
    (240, 128, 84),
    (148, 132, 232),
    (64, 196, 196),
    (190, 190, 84),
)


@cache
def viridis() -> npt.NDArray[np.uint8]:
    """Return the viridis map, dark violet to yellow.

    Returns
    -------
    (256, 3) uint8 array
        RGB, read-only.
    """
    table = np.frombuffer(bytes.fromhex(_VIRIDIS), dtype=np.uint8).reshape(256, 3)
    table.flags.writeable = False
    return table


def distinct(index: int) -> tuple[int, int, int]:
    """Return an RGB colour for the class `index`, the same one every time.

    The first eight differ in hue and lightness; after them the colours come
    round again.
    """
    return _DISTINCT[index % len(_DISTINCT)]
