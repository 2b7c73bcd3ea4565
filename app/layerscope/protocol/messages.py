"""Everything the window and the engine may say to each other.

Commands go to the engine, events come back. Both are plain frozen structs,
encoded as msgpack; neither side ever unpickles. A message is at most
`MAX_MESSAGE_BYTES` long: what is larger travels through shared memory
(`layerscope.protocol.frames`, `layerscope.protocol.arrays`) or in pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from layerscope.core.errors import LayerscopeError
from layerscope.protocol.asked import LensAnswered, Tokenised
from layerscope.protocol.commands import (
    AskLens,
    Bench,
    Cancel,
    CloseModel,
    Command,
    DecodePicture,
    DescribeNode,
    DescribeWeight,
    ExplainTask,
    Fault,
    FetchTensor,
    FindDevices,
    FindReceptiveField,
    LayOutGraph,
    OpenModel,
    Profile,
    QueryCommand,
    Run,
    RunCommand,
    Shutdown,
    Tokenise,
    Watch,
)
from layerscope.protocol.events import (
    Benched,
    Cancelled,
    DevicesFound,
    EngineReady,
    Event,
    Failed,
    Finished,
    GraphDescribed,
    GraphLaidOut,
    LastEvent,
    LayersProfiled,
    ModelReady,
    ModelUnrunnable,
    NodeDescribed,
    Noted,
    PictureDecoded,
    Preflighted,
    Progress,
    ReceptiveFieldFound,
    RunAnswered,
    ShapesMeasured,
    Stepped,
    TaskExplained,
    TensorFetched,
    WeightDescribed,
)
from layerscope.protocol.message import JobId, Message, ModelId

MAX_MESSAGE_BYTES = 1 << 20
PROTOCOL_VERSION = 1


class MessageError(LayerscopeError):
    """A message is too long, cut, or not one of ours."""


_encoder = msgspec.msgpack.Encoder()
_command_decoder = msgspec.msgpack.Decoder(Command)
_event_decoder = msgspec.msgpack.Decoder(Event)
_events_decoder = msgspec.msgpack.Decoder(list[Event])
_ARRAYS = range(0x90, 0xA0)  # first byte of a msgpack array of at most 15 elements
MAX_TOGETHER = len(_ARRAYS) - 1


def encode(message: Message) -> bytes:
    """Return the bytes of `message`.

    Raises
    ------
    MessageError
        If it is longer than `MAX_MESSAGE_BYTES`.
    """
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A message of {len(data):,} bytes was to be sent; at most "
            f"{MAX_MESSAGE_BYTES:,} fit, the rest has to go through shared memory."
        )
    return data


def encode_together(messages: Sequence[Message]) -> list[bytes]:
    """Return what to send for `messages`: one piece where they fit one.

    Who receives is woken once for them all. `decode_events` reads every piece.

    Raises
    ------
    MessageError
        If one of them is longer than `MAX_MESSAGE_BYTES`.
    """
    if 1 < len(messages) <= MAX_TOGETHER:
        data = _encoder.encode(messages)
        if len(data) <= MAX_MESSAGE_BYTES:
            return [data]
    return [encode(message) for message in messages]


def decode_command(data: bytes) -> Command:
    """Return the command in `data`; raise `MessageError` if it is none."""
    try:
        command: Command = _command_decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MessageError(f"The window sent something unreadable: {error}.") from error
    return command


def decode_event(data: bytes) -> Event:
    """Return the event in `data`; raise `MessageError` if it is none."""
    try:
        event: Event = _event_decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MessageError(f"The engine sent something unreadable: {error}.") from error
    return event


def decode_events(data: bytes) -> list[Event]:
    """Return the event or events in `data`; raise `MessageError` if it holds none."""
    if not data or data[0] not in _ARRAYS:
        return [decode_event(data)]
    try:
        events: list[Event] = _events_decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MessageError(f"The engine sent something unreadable: {error}.") from error
    return events


__all__ = [
    "MAX_MESSAGE_BYTES",
    "MAX_TOGETHER",
    "PROTOCOL_VERSION",
    "AskLens",
    "Bench",
    "Benched",
    "Cancel",
    "Cancelled",
    "CloseModel",
    "Command",
    "DecodePicture",
    "DescribeNode",
    "DescribeWeight",
    "DevicesFound",
    "EngineReady",
    "Event",
    "ExplainTask",
    "Failed",
    "Fault",
    "FetchTensor",
    "FindDevices",
    "FindReceptiveField",
    "Finished",
    "GraphDescribed",
    "GraphLaidOut",
    "JobId",
    "LastEvent",
    "LayOutGraph",
    "LayersProfiled",
    "LensAnswered",
    "Message",
    "MessageError",
    "ModelId",
    "ModelReady",
    "ModelUnrunnable",
    "NodeDescribed",
    "Noted",
    "OpenModel",
    "PictureDecoded",
    "Preflighted",
    "Profile",
    "Progress",
    "QueryCommand",
    "ReceptiveFieldFound",
    "Run",
    "RunAnswered",
    "RunCommand",
    "ShapesMeasured",
    "Shutdown",
    "Stepped",
    "TaskExplained",
    "TensorFetched",
    "Tokenise",
    "Tokenised",
    "Watch",
    "WeightDescribed",
    "decode_command",
    "decode_event",
    "decode_events",
    "encode",
    "encode_together",
]
