"""What aggregis_client.py computes, against published vectors and those of Aggregis itself.

    python3 -m unittest python/test_aggregis_client.py
"""

import json
import os
import stat
import struct
import sys
import tempfile
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import aggregis_client as ac  # noqa: E402

# RFC 8032, section 7.1: secret, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


class Signatures(unittest.TestCase):
    def test_are_those_of_rfc_8032(self):
        for secret, key, message, signature in RFC_8032:
            secret, message = bytes.fromhex(secret), bytes.fromhex(message)
            for public_key, sign in ((ac.slow_public_key, ac.slow_sign), (ac.public_key, ac.sign)):
                self.assertEqual(public_key(secret).hex(), key)
                self.assertEqual(sign(message, secret).hex(), signature)


class Transcripts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(HERE, "../tests/vectors/federation1.json"), encoding="utf-8") as file:
            cls.vectors = json.load(file)
        cls.identity = ac.Identity(bytes.fromhex(cls.vectors["client"]["secret"]))

    def test_name_a_client(self):
        self.assertEqual(self.identity.public_key.hex(), self.vectors["client"]["key"])
        self.assertEqual(self.identity.id, self.vectors["client"]["client"])

    def test_prove_possession(self):
        message = bytes.fromhex(self.vectors["possession"]["message"])
        challenge = bytes(range(56))
        key = self.identity.public_key
        made = ac.transcript("aggregis/possession/v1", "registration", "digits-1", challenge, key)
        self.assertEqual(made.hex(), message.hex())
        self.assertEqual(self.identity.sign(made).hex(), self.vectors["possession"]["signature"])

    def test_state_updates(self):
        update = bytes(i * i % 256 for i in range(1000))
        for vector in self.vectors["statements"]:
            statement = dict(vector["statement"])
            self.assertEqual(ac.merkle_root(update, statement["chunkSize"]).hex(), statement["root"])
            statement["baseModel"] = statement.pop("model")
            message = ac.statement_to_sign(statement)
            self.assertEqual(message.hex(), vector["message"])
            self.assertEqual(self.identity.sign(message).hex(), vector["signature"])


class Tensors(unittest.TestCase):
    def test_come_back_in_every_type(self):
        tensors = {"b": np.float32([[1, -2, 0.5]]), "a": np.float32(3), "ä": np.zeros((0, 4), np.float32)}
        for dtype in ("F32", "F16", "BF16"):
            file = ac.write_safetensors(tensors, dtype)
            (length,) = struct.unpack("<Q", file[:8])
            self.assertEqual(length % 8, 0)
            found = ac.read_safetensors(file)
            self.assertEqual(set(found), set(tensors))
            for name, values in tensors.items():
                self.assertEqual(found[name].shape, values.shape)
                np.testing.assert_array_equal(found[name], values)

    def test_round_to_even_in_bf16(self):
        bits = np.uint32([0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0x7F800001])
        narrow = ac._narrowed(bits.view(np.float32), "BF16")
        self.assertEqual([hex(x) for x in narrow], ["0x3f80", "0x3f82", "0x3f81", "0x7f80", "0x7fc0"])

    def test_refuse_what_is_no_file(self):
        for file in (b"", b"\xff" * 8, struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 2) + b"{x"):
            with self.assertRaises(ac.FederationError):
                ac.read_safetensors(file)


class Identities(unittest.TestCase):
    def test_stay_in_their_file_for_the_owner_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "client.key")
            first, second = ac.Identity.open(path), ac.Identity.open(path)
            self.assertEqual(first.id, second.id)
            self.assertEqual(os.listdir(folder), ["client.key"])
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            self.assertNotIn(first._secret.hex(), repr(first))
            os.chmod(path, 0o644)
            with self.assertRaisesRegex(ValueError, "others may read"):
                ac.Identity.open(path)
            os.chmod(path, 0o600)
            with open(path, "r+b") as file:
                file.write(b"x")
            with self.assertRaisesRegex(ValueError, "no identity"):
                ac.Identity.open(path)


if __name__ == "__main__":
    unittest.main()
