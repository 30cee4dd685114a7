"""An authority of the tests' own, and the certificates that it signs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


@dataclass
class Authority:
    """``file`` is its certificate."""

    directory: Path
    name: str = "authority"

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = self.directory / f"{self.name}.pem"
        mine = self._built(_name(self.name), self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file.write_bytes(mine.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def sign(
        self, name: str, *, dns: tuple[str, ...] = (), address: str = "", file: str | None = None
    ) -> tuple[Path, Path]:
        """Return the files of a new certificate and of its key. ``name`` is its common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        built = self._built(_name(name), key)
        others: list[x509.GeneralName] = [x509.DNSName(one) for one in dns]
        if address:
            others.append(x509.IPAddress(ip_address(address)))
        if others:
            built = built.add_extension(x509.SubjectAlternativeName(others), critical=False)
        stem = self.directory / f"{self.name}-{file or name}"
        certificate, private = stem.with_suffix(".pem"), stem.with_suffix(".key")
        certificate.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        private.chmod(0o600)
        return certificate, private

    def _built(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            _name(self.name),
            name,
            key.public_key(),
            x509.random_serial_number(),
            now - timedelta(days=1),
            now + timedelta(days=1),
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
