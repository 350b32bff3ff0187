"""What went wrong, in words that say what to do."""

import socket
import ssl


def plain(error: BaseException) -> str:
    """One sentence of an error, without a full stop: for the page and the log."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not trusted: {error.verify_message or 'it does not verify'}; see the certificate authority"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection: {error.reason or error}; is TLS right for this port?"
    if isinstance(error, socket.gaierror):
        return "there is no host of this name"
    if isinstance(error, ConnectionRefusedError):
        return "nobody answers at this address and port"
    if isinstance(error, TimeoutError):
        return "no answer in time; is there a firewall in between?"
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
