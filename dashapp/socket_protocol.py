"""uvicorn's WebSocket protocol with a wire: an application hands over frames that are ready, and sees how much still waits to be sent.

What a thousand clients are told is written down once and framed once (a server's frames are the same for everybody); handing it to one of
them is one call without a task. A client that reads too slowly is seen by what waits, and can be let go of at once.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "andon.wire"  # in the scope's `extensions`
CLOSING_S = 3.0  # for a client to answer that it was closed
_TEXT = 0x81  # a final frame of text


def text_frame(payload: bytes) -> bytes:
    """A server's frame of a text message (RFC 6455 §5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_TEXT, size)) + payload
    if size < 65_536:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + payload


class SocketProtocol(WebSocketsSansIOProtocol):
    """For `uvicorn.Config(ws=…)`, without compression. It is the wire itself."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.close_timeout = CLOSING_S

    def handle_connect(self, event: Any) -> None:
        """Lets the application know of the wire."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][EXTENSION] = self  # type: ignore[typeddict-item]

    async def send(self, message: Any) -> None:
        """A connection that is closed by us is over after a moment, also where the client takes nothing any more."""
        await super().send(message)
        if message["type"] == "websocket.close" and self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def write(self, frame: bytes) -> None:
        """Sends a frame, or keeps it until the client reads on; nothing where the connection is about to end."""
        if self.handshake_complete and not self.close_sent and not self.disconnected and not self.transport.is_closing():
            self.transport.write(frame)

    def waiting(self) -> int:
        """Bytes that the client has not taken yet."""
        return 0 if self.disconnected else self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Ends the connection without sending what waits."""
        if not self.disconnected:
            self.transport.abort()

    def keepalive_timeout(self) -> None:
        """Nobody answers any more: nobody will take what waits either."""
        super().keepalive_timeout()
        self.abort()

    def shutdown(self) -> None:
        """The server stops: who is behind is not waited for."""
        behind = self.waiting() > 0
        super().shutdown()
        if behind:
            self.abort()
