"""Certificates for servers that tests put up: right ones, and wrong in one respect."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


class Authority:
    """An authority of our own; who is to trust it must be told of `file`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority for tests")])
        self.file = folder / "authority.pem"
        made = self._certificate(self._name, self._key, days=10, authority=True)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def server(self, address: str = "127.0.0.1", *, days: int = 10, trusted: bool = True) -> ssl.SSLContext:
        """A server's context with a certificate for an address, valid for so many days from yesterday on."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A server")])
        signer = self._key if trusted else key
        made = self._certificate(
            name, key, days=days, signer=signer, issuer=self._name if trusted else name, address=address
        )
        file = self._folder / f"server-{made.serial_number}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int, authority: bool = False,
        signer: ec.EllipticCurvePrivateKey | None = None, issuer: x509.Name | None = None, address: str | None = None,
    ) -> x509.Certificate:  # fmt: skip
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * _DAY)
            .not_valid_after(now + (days - 1) * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key((signer or self._key).public_key()), critical=False
            )
        )
        if address is not None:
            names = [x509.IPAddress(ipaddress.ip_address(address))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signer or self._key, hashes.SHA256())
