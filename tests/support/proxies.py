"""Real proxies in front of a server of the tests, with the configuration of deploy/."""

import asyncio
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.deployment import DEPLOY
from tests.support.ports import free_port

__all__ = ["PROXIES", "RunningProxy", "prepare_caddy", "prepare_nginx", "program", "run_proxy"]

START_SECONDS = 30
NAME = "api.example.com"
PACKAGES = {"promtool": "prometheus", "systemd-analyze": "systemd"}
"""Debian's packages of programs that are called otherwise."""
NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/atrium.conf;
}}
"""


class RunningProxy:
    """A proxy that answers."""

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        """Args: port: where it listens; certificate: its own, if it speaks TLS."""
        self.port = port
        self.tls = None if certificate is None else ssl.create_default_context(cafile=str(certificate))
        if self.tls is not None:
            self.tls.check_hostname = (
                False  # the certificate is for the name in the file, and the test calls an address
            )

    def url(self, scheme: str) -> str:
        """Return its address, by http or ws."""
        return f"{scheme}{'s' if self.tls else ''}://127.0.0.1:{self.port}"


def program(name: str) -> str:
    """Return the path of a program."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert found is not None, f"{name} is not installed: `apt-get install {PACKAGES.get(name, name)}`"
    return found


def prepare_nginx(folder: Path, upstreams: list[int], port: int) -> list[str]:
    """Write nginx's configuration, with deploy/nginx.conf in it on ports of this machine; return its command."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    changes = {
        r"127\.0\.0\.1:8000": f"127.0.0.1:{upstreams[0]}",
        r"127\.0\.0\.1:8001": f"127.0.0.1:{upstreams[-1]}",
        r"listen \[::\][^;]*;": "",  # a machine may have no IPv6
        r"listen 80;": f"listen 127.0.0.1:{free_port()};",
        r"listen 443 ": f"listen 127.0.0.1:{port} ",
        r"/etc/ssl/api\.example\.com": str(folder),
    }
    for found, replacement in changes.items():
        text, count = re.subn(found, replacement, text)
        assert count, found
    (folder / "atrium.conf").write_text(text, encoding="utf-8")
    user = "" if os.geteuid() else "user root;"  # its workers write into a folder that is the tests' alone
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, user=user), encoding="utf-8")
    write_certificate(folder)
    return [program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]


def prepare_caddy(folder: Path, upstreams: list[int], port: int) -> list[str]:
    """Return the command of Caddy with deploy/Caddyfile, which takes from the environment where it listens."""
    changes = {
        "SITE_ADDRESS": f"http://127.0.0.1:{port}",
        "UPSTREAMS": " ".join(f"127.0.0.1:{upstream}" for upstream in upstreams),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    environment = [f"{name}={value}" for name, value in changes.items()]
    # Every Caddy's interface for changes is on the same port; the file alone can switch it off.
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    (folder / "Caddyfile").write_text(text.replace("{\n", "{\n\tadmin off\n", 1), encoding="utf-8")
    return [
        "env",
        *environment,
        program("caddy"),
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        str(folder / "Caddyfile"),
    ]


PROXIES: dict[str, Callable[[Path, list[int], int], list[str]]] = {"nginx": prepare_nginx, "caddy": prepare_caddy}


@asynccontextmanager
async def run_proxy(name: str, folder: Path, upstreams: list[int]) -> AsyncIterator[RunningProxy]:
    """One of them in front of the processes at these ports, for as long as this lasts."""
    port = free_port()
    command = PROXIES[name](folder, upstreams, port)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                assert process.poll() is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)  # it announces it in no way
        certificate = folder / "fullchain.pem"
        yield RunningProxy(port, certificate if certificate.exists() else None)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def write_certificate(folder: Path) -> None:
    """Write a certificate and its key, where deploy/nginx.conf looks for them."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([_common_name()]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))


def _common_name() -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, NAME)
