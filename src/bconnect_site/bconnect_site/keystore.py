"""An SROS2 keystore: a certificate authority, and an enclave for each process of a site.

    DIR/private/ca.key.pem               signs everything here; belongs on no roadside box
    DIR/public/ca.cert.pem
    DIR/enclaves/governance.xml, .p7s
    DIR/enclaves/<site>/<process>/       what ROS 2 reads: certificate, key, signed permissions

Keys are ECDSA on prime256v1, as DDS-Security asks for. What is there already is kept: a second
run signs rules anew, for the site as it is now.
"""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from bconnect_site import ddsxml, disk
from bconnect_site.access import Access
from bconnect_site.disk import replace_secret
from bconnect_site.errors import ConfigError

DAY = timedelta(days=1)
CA_CERT, CA_KEY = "ca.cert.pem", "ca.key.pem"
CERT, KEY = "cert.pem", "key.pem"
Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def make_keystore(
    folder: Path, site: str, enclaves: dict[str, Access], domain: int, now: datetime, days: int
) -> list[str]:
    """Makes or renews the keystore of one site; returns its enclaves' names.

    `now` is UTC; `days`: how long new certificates and rules hold. Raises ConfigError.
    """
    try:
        for part, mode in (("private", 0o700), ("public", 0o755), ("enclaves", 0o755)):
            (folder / part).mkdir(mode=mode, parents=True, exist_ok=True)
        start, end = now - DAY, now + days * DAY
        authority = _authority(folder, start, end)
        rules = ddsxml.governance(domain)
        disk.replace(folder / "enclaves" / "governance.xml", rules)
        signed = smime(rules, authority)
        disk.replace(folder / "enclaves" / "governance.p7s", signed)
        made = []
        for process, access in enclaves.items():
            name = f"/{site}/{process}"
            place = folder / "enclaves" / site / process
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            until = _certificate(place, name, authority, start, end)
            _rules(place, name, access, domain, start, until, authority, signed)
            made.append(name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{error.filename or folder}: {reason}") from None
    return made


def smime(data: bytes, authority: Pair) -> bytes:
    """The data in an S/MIME envelope (multipart/signed, SHA-256), as DDS-Security wants it."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data)
    options = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]
    builder = builder.add_signer(authority[0], authority[1], hashes.SHA256())
    return builder.sign(serialization.Encoding.SMIME, options)


def _authority(folder: Path, start: datetime, end: datetime) -> Pair:
    key_file, cert_file = folder / "private" / CA_KEY, folder / "public" / CA_CERT
    if key_file.exists() and cert_file.exists():
        return _load(cert_file, key_file)
    if key_file.exists() or cert_file.exists():
        missing = cert_file if key_file.exists() else key_file
        raise ConfigError(f"{missing}: is missing; bring it back, or choose an empty folder")
    key = ec.generate_private_key(ec.SECP256R1())
    cert = _sign("bconnect-ca", key.public_key(), ("bconnect-ca", key), start, end, ca=True)
    _write_key(key_file, key)
    disk.replace(cert_file, cert.public_bytes(serialization.Encoding.PEM))
    for role in ("identity_ca", "permissions_ca"):  # the names SROS2's own tools look for
        _link(folder / "private" / f"{role}.key.pem", CA_KEY)
        _link(folder / "public" / f"{role}.cert.pem", CA_CERT)
    return cert, key


def _certificate(
    place: Path, name: str, authority: Pair, start: datetime, end: datetime
) -> datetime:
    """Makes an enclave's key and certificate where there are none; until when it holds."""
    cert_file, key_file = place / CERT, place / KEY
    if cert_file.exists() and key_file.exists():
        held, _ = _load(cert_file, key_file)
        until = held.not_valid_after_utc.replace(tzinfo=None)
        if until > start + 2 * DAY and _is_of(held, authority[0]):
            return until
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = ("bconnect-ca", authority[1])
    until = min(end, authority[0].not_valid_after_utc.replace(tzinfo=None))
    cert = _sign(name, key.public_key(), issuer, start, until, ca=False)
    _write_key(key_file, key)
    disk.replace(cert_file, cert.public_bytes(serialization.Encoding.PEM))
    return until


def _rules(
    place: Path, name: str, access: Access, domain: int, start: datetime, end: datetime,
    authority: Pair, governance: bytes,
) -> None:  # fmt: skip
    rules = ddsxml.permissions(name, access, domain, start, end)
    disk.replace(place / "permissions.xml", rules)
    disk.replace(place / "permissions.p7s", smime(rules, authority))
    disk.replace(place / "governance.p7s", governance)
    # Copies, not links: a box gets its own enclaves and nothing else.
    pem = authority[0].public_bytes(serialization.Encoding.PEM)
    for role in ("identity_ca", "permissions_ca"):
        disk.replace(place / f"{role}.cert.pem", pem)


def _sign(
    name: str,
    public: ec.EllipticCurvePublicKey,
    issuer: tuple[str, ec.EllipticCurvePrivateKey],
    start: datetime,
    end: datetime,
    *,
    ca: bool,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer[0]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=1 if ca else None), critical=ca)
    )
    return builder.sign(issuer[1], hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _is_of(cert: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        cert.verify_directly_issued_by(authority)
    except Exception:
        return False
    return True


def _load(cert_file: Path, key_file: Path) -> Pair:
    try:
        cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (ValueError, TypeError):
        raise ConfigError(f"{cert_file}, {key_file}: hold no certificate and its key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != cert.public_key():
        raise ConfigError(f"{key_file}: is not the key of {cert_file}")
    return cert, key


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Never readable by others, not even while it is written."""
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    replace_secret(path, data)


def _link(path: Path, to: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(to)
