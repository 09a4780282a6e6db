"""A certificate authority and a server certificate for 127.0.0.1 and localhost, made for one run."""

from pathlib import Path

from cache import run


def make(folder: Path) -> Path:
    """Writes ca.crt, server.crt and server.key; returns the path of ca.crt."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run(["openssl", "req", "-x509", *key, "-days", "30", "-subj", "/CN=lakegate-test-ca",
         "-keyout", "ca.key", "-out", "ca.crt",
         "-addext", "basicConstraints=critical,CA:TRUE",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"], cwd=folder)
    run(["openssl", "req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], cwd=folder)
    (folder / "server.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    run(["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
         "-days", "30", "-extfile", "server.ext", "-out", "server.crt"], cwd=folder)
    return folder / "ca.crt"
