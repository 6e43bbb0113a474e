"""One hash over many contracts: as Certificate Transparency has it, and against forgers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.merkle import MerkleTree, included, leaf_hash

# Inputs and roots of the reference tests of Certificate Transparency
# (google/certificate-transparency, merkletree/merkle_tree_test.cc); remembered, unverified.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_certificate_transparency(size):
    assert MerkleTree(LEAVES[:size]).root.hex() == ROOTS[size]


@given(size=st.integers(1, 80), data=st.data())
def test_every_leaf_is_proven_at_its_place_and_nowhere_else(size, data):
    leaves = [leaf_hash(bytes([i])) for i in range(size)]
    tree = MerkleTree(leaves)
    place = data.draw(st.integers(0, size - 1))
    proof = tree.proof(place)
    assert included(leaves[place], place, size, proof, tree.root)
    for other in range(-1, size + 1):
        if other != place:
            assert not included(leaves[place], other, size, proof, tree.root)
    assert not included(leaf_hash(b"another"), place, size, proof, tree.root)
    assert not included(leaves[place], place, size, [*proof, leaves[0]], tree.root)
    if proof:
        assert not included(leaves[place], place, size, proof[:-1], tree.root)


def test_a_node_does_not_pass_for_a_leaf():
    # Without the first byte, the two left leaves as one entry would give the same root.
    tree = MerkleTree(LEAVES[:4])
    forged = leaf_hash(LEAVES[0] + LEAVES[1])
    right = tree.proof(0)[1]
    assert not included(forged, 0, 2, [right], tree.root)


def test_a_list_with_its_last_entry_doubled_has_no_tree():
    with pytest.raises(ValueError, match="1 of 4 leaves repeat"):
        MerkleTree([*LEAVES[:3], LEAVES[2]])
