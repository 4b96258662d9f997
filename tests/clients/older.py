"""A client that knows nothing but an image of the contract as it was published: it lists, reads and writes a
file, hands over a transfer, and watches both.

    python older.py proto/cellftp-v1.binpb 127.0.0.1:50051 PROFILE DIRECTORY

DIRECTORY has a file `file`. Needs grpcio and protobuf; no generated code.
"""

import hashlib
import pathlib
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

CHUNK = 64 * 1024


class Contract:
    """The methods and messages of an image."""

    def __init__(self, image, channel):
        self.pool = descriptor_pool.DescriptorPool()
        self.channel = channel
        # An image has each file behind those that it imports.
        for file in descriptor_pb2.FileDescriptorSet.FromString(image).file:
            self.pool.Add(file)

    def message(self, name, **fields):
        """A message of the contract."""
        found = self.pool.FindMessageTypeByName(f"cellftp.v1.{name}")
        return message_factory.GetMessageClass(found)(**fields)

    def number(self, enum, value):
        """The number of a value of an enum."""
        return self.pool.FindEnumTypeByName(f"cellftp.v1.{enum}").values_by_name[value].number

    def name(self, enum, number):
        """The name of a value of an enum, where the image has one."""
        value = self.pool.FindEnumTypeByName(f"cellftp.v1.{enum}").values_by_number.get(number)
        return value.name if value else str(number)

    def call(self, service, method, request):
        """Calls a method with a request, or with the requests of a stream."""
        found = self.pool.FindServiceByName(f"cellftp.v1.{service}").methods_by_name[method]
        way = {
            (False, False): self.channel.unary_unary,
            (False, True): self.channel.unary_stream,
            (True, False): self.channel.stream_unary,
            (True, True): self.channel.stream_stream,
        }[found.client_streaming, found.server_streaming]
        stub = way(
            f"/cellftp.v1.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(found.output_type).FromString,
        )
        return stub(request)

    def upload(self, kind, header, content):
        """The requests of an upload."""
        yield self.message(kind, header=header)
        for at in range(0, len(content), CHUNK):
            yield self.message(kind, chunk=content[at : at + CHUNK])
        finish = self.message("PutFinish", sha256=hashlib.sha256(content).digest())
        yield self.message(kind, finish=finish)


def result(responses):
    """The chunks and the result of a stream that ended with OK. What is unknown is passed over."""
    content, last = bytearray(), None
    for response in responses:
        which = response.WhichOneof("message")
        if which == "chunk":
            content += response.chunk
        elif which == "result":
            last = response.result
    return bytes(content), last


def main(image, address, profile, directory):
    with grpc.insecure_channel(address) as channel:
        contract = Contract(pathlib.Path(image).read_bytes(), channel)
        target = contract.message("Target", profile=profile)

        events = contract.call("OperationService", "WatchEvents", contract.message("WatchEventsRequest"))
        # When the headers are there, the daemon watches.
        events.initial_metadata()

        request = contract.message("GetRequest", target=target, path=f"{directory}/file")
        content, got = result(contract.call("FtpsService", "Get", request))
        assert got.chunk_sha256 == hashlib.sha256(content).digest()
        print("get", len(content), hashlib.sha256(content).hexdigest())

        header = contract.message(
            "PutHeader", target=target, path=f"{directory}/file.copy", size=len(content)
        )
        requests = contract.upload("PutRequest", header, content)
        _, put = result(contract.call("FtpsService", "Put", requests))
        print("put", put.size, contract.name("PutState", put.state))

        header = contract.message(
            "UploadHeader",
            transfer_id="older",
            profile=profile,
            path=f"{directory}/file.kept",
            if_exists=contract.number("IfExists", "IF_EXISTS_FAIL"),
        )
        requests = contract.upload("CreateUploadRequest", header, content)
        accepted = contract.call("TransferService", "CreateUpload", requests)
        assert accepted.transfer.size == len(content)
        request = contract.message("WatchTransferRequest", transfer_id="older")
        for response in contract.call("TransferService", "WatchTransfer", request):
            transfer = response.transfer
        assert transfer.HasField("end_time")
        print("transfer", contract.name("TransferState", transfer.state), transfer.sha256.hex())

        request = contract.message("ListRequest", target=target, path=directory)
        entries = [entry for page in contract.call("FtpsService", "List", request) for entry in page.entries]
        for entry in sorted(entries, key=lambda entry: entry.name):
            print("list", entry.name, contract.name("EntryKind", entry.kind), entry.size)

        for event in events:
            if event.WhichOneof("event") == "operation" and event.operation.HasField("ended"):
                outcome = contract.name("Outcome", event.operation.ended.outcome)
                print("watch", event.operation.operation.method, outcome)
                if event.operation.operation.method == "List":
                    break
        events.cancel()


if __name__ == "__main__":
    main(*sys.argv[1:])
