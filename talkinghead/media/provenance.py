"""Content Credentials: a signed C2PA manifest in the finished file that says a machine made it, and which.

The manifest holds one action, `c2pa.created` with the digital source type `trainedAlgorithmicMedia`, this program as
the software agent, and hashes that bind it to the file's content. Everything happens on this machine: no time stamp is
fetched. Needs the extra `c2pa`; docs/provenance.md says what such a signature is worth.
"""

from __future__ import annotations

import datetime
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

from talkinghead.errors import SigningError
from talkinghead.media.ffmpeg import existing_file
from talkinghead.media.outputs import partial_of, version

SIGNABLE = (".mp4", ".mov", ".gif", ".png", ".jpg", ".jpeg", ".webp")  # C2PA has no place in a .webm
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TEST_NAME = "talkinghead test certificate (anybody can make one)"
TEST_DAYS = 3650  # without a time stamp a signature is good for as long as its certificate
# Nothing is looked up online, and no thumbnail goes into a manifest that sits in the picture itself.
SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


def check_signable(path: str | Path) -> None:
    """Raises SigningError if files of this suffix cannot carry a manifest."""
    if Path(path).suffix.lower() not in SIGNABLE:
        raise SigningError(f"{path}: this kind of file cannot be signed; use one of {', '.join(SIGNABLE)}")


class Seal:
    """Signs finished files in place: `seal(path, suffix)`.

    `certificates` is a PEM file with the signer's certificate first and those above it after, `key` its private key in
    PEM, without a password. Without both a test certificate is made, whose key is forgotten when the program ends.
    Whether they serve is found out at once, by signing a pixel. Raises SigningError in one line.
    """

    def __init__(self, certificates: str | Path | None = None, key: str | Path | None = None):
        try:
            import c2pa
        except ImportError:
            raise SigningError("signing needs the c2pa library; pip install 'talkinghead[c2pa]'") from None
        self._c2pa = c2pa
        if certificates is None or key is None:
            self._chain, self._key, self._algorithm = throwaway_identity()
        else:
            self._chain, self._key, self._algorithm = _read_identity(Path(certificates), Path(key))
        try:
            self._sign(io.BytesIO(_pixel()), io.BytesIO(), ".png")
        except c2pa.C2paError as error:
            raise SigningError(f"{certificates}: C2PA does not take this certificate ({_reason(error)})") from None

    def __call__(self, path: Path, suffix: str) -> None:
        """Sign the file at `path`, of the kind that `suffix` says; whole, or left as it was."""
        signed = partial_of(path, suffix, "-signed")
        try:
            with open(path, "rb") as source, open(signed, "w+b") as target:
                self._sign(source, target, suffix)
            os.replace(signed, path)
        except (self._c2pa.C2paError, OSError) as error:
            raise SigningError(f"the signature could not be written ({_reason(error)}); leave out --sign") from None
        finally:
            signed.unlink(missing_ok=True)

    def signed(self, data: bytes, suffix: str) -> bytes:
        """A whole file of the kind that `suffix` says, signed. Raises SigningError."""
        target = io.BytesIO()
        try:
            self._sign(io.BytesIO(data), target, suffix)
        except self._c2pa.C2paError as error:
            raise SigningError(f"a picture could not be signed ({_reason(error)}); leave out --sign") from None
        return target.getvalue()

    def _sign(self, source: BinaryIO, target: BinaryIO, suffix: str) -> None:
        c2pa = self._c2pa
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(self._algorithm, self._chain, self._key, None))
        context = c2pa.Context(c2pa.Settings.from_dict(SETTINGS), signer)
        with context, c2pa.Builder(manifest(), context=context) as builder:
            builder.sign(suffix.removeprefix(".").lower(), source, target)


def manifest() -> dict[str, Any]:
    """What is claimed of a file, in the c2pa library's JSON."""
    agent = {"name": "talkinghead", "version": version()}
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": agent}
    return {
        "claim_generator_info": [agent],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
    }


def throwaway_identity() -> tuple[bytes, bytes, bytes]:
    """A chain of two ES256 certificates made on the spot, and the key of the first; PEM, PEM, algorithm.

    C2PA takes no certificate that signs itself, hence the second; nobody trusts it, and a verifier says so.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def name(role: str) -> x509.Name:
        both = (NameOID.ORGANIZATION_NAME, TEST_NAME), (NameOID.COMMON_NAME, role)
        return x509.Name([x509.NameAttribute(*pair) for pair in both])

    def certificate(role: str, public_key: ec.EllipticCurvePublicKey, root: bool) -> x509.Certificate:
        uses = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"), False,
        )  # fmt: skip
        usage = x509.KeyUsage(digital_signature=not root, key_cert_sign=root, crl_sign=root, **uses)
        draft = (
            x509.CertificateBuilder(name("root"), name(role), public_key, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))  # clocks differ
            .not_valid_after(now + datetime.timedelta(days=TEST_DAYS))
            .add_extension(x509.BasicConstraints(root, None), True)
            .add_extension(usage, True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        )
        if not root:
            draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        return draft.sign(root_key, hashes.SHA256())

    chain = certificate("signer", key.public_key(), False), certificate("root", root_key.public_key(), True)
    return _pem(chain), _pem_key(key), b"es256"


def _read_identity(certificates: Path, key: Path) -> tuple[bytes, bytes, bytes]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        chain = x509.load_pem_x509_certificates(existing_file(certificates, SigningError).read_bytes())
    except ValueError:
        raise SigningError(f"{certificates}: holds no certificates in PEM; give the signer's first") from None
    try:
        private = load_pem_private_key(existing_file(key, SigningError).read_bytes(), None)
    except TypeError:
        raise SigningError(f"{key}: has a password; take it off with `openssl pkey`") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningError(f"{key}: holds no private key in PEM") from None
    if private.public_key() != chain[0].public_key():
        raise SigningError(f"{key}: is not the key of the first certificate in {certificates}")
    until = chain[0].not_valid_after_utc
    if until < datetime.datetime.now(datetime.UTC):
        raise SigningError(f"{certificates}: has expired on {until:%Y-%m-%d}; get a new one")
    return _pem(chain), _pem_key(private), _algorithm(key, private)


def _algorithm(path: Path, key: Any) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size in (256, 384, 521):
        return {256: b"es256", 384: b"es384", 521: b"es512"}[key.key_size]
    if isinstance(key, rsa.RSAPrivateKey):
        return b"ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return b"ed25519"
    raise SigningError(f"{path}: is of a kind that C2PA does not take; use one of P-256, Ed25519 or RSA")


def _pem(chain) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def _pem_key(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _pixel() -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "png")
    return file.getvalue()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
