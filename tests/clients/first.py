"""First steps with cellftpd in Python: read a file, write it again, be refused, and watch what happens.

    python -m grpc_tools.protoc -I proto --python_out STUBS --grpc_python_out STUBS \\
        proto/cellftp/v1/*.proto
    PYTHONPATH=STUBS python first.py 127.0.0.1:50051 PROFILE PATH

Needs grpcio and grpcio-status.
"""

import hashlib
import sys

import grpc
from cellftp.v1 import common_pb2, ftps_pb2, ftps_pb2_grpc, operations_pb2, operations_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

CHUNK = 64 * 1024


def get(ftps, target, path):
    """Reads a file."""
    content, result = bytearray(), None
    for response in ftps.Get(ftps_pb2.GetRequest(target=target, path=path)):
        # `progress` and `info` may be passed over, and so may what later versions add.
        if response.HasField("chunk"):
            content += response.chunk
        elif response.HasField("result"):
            result = response.result
    if result is None or result.chunk_sha256 != hashlib.sha256(content).digest():
        raise EOFError(f"{path} did not come whole")
    return bytes(content)


def put(ftps, target, path, content):
    """Writes a file that must not be there yet. Raises grpc.RpcError unless all went as asked."""

    def requests():
        header = ftps_pb2.PutHeader(
            target=target, path=path, if_exists=common_pb2.IF_EXISTS_FAIL, size=len(content)
        )
        yield ftps_pb2.PutRequest(header=header)
        for at in range(0, len(content), CHUNK):
            yield ftps_pb2.PutRequest(chunk=content[at : at + CHUNK])
        finish = common_pb2.PutFinish(sha256=hashlib.sha256(content).digest())
        yield ftps_pb2.PutRequest(finish=finish)

    result = None
    for response in ftps.Put(requests()):
        if response.HasField("result"):
            result = response.result
    return result


def reason(error):
    """Why a call failed: one of errors.proto."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return ""


def main(address, profile, path):
    with grpc.insecure_channel(address) as channel:
        ftps = ftps_pb2_grpc.FtpsServiceStub(channel)
        operations = operations_pb2_grpc.OperationServiceStub(channel)
        target = common_pb2.Target(profile=profile)

        events = operations.WatchEvents(operations_pb2.WatchEventsRequest())
        # When the headers are there, the daemon watches.
        events.initial_metadata()

        content = get(ftps, target, path)
        print("get", len(content), hashlib.sha256(content).hexdigest())

        result = put(ftps, target, path + ".copy", content)
        print("put", common_pb2.PutState.Name(result.state))

        try:
            put(ftps, target, path + ".copy", content)
        except grpc.RpcError as error:
            print("put", error.code().name, reason(error))

        ended = 0
        for event in events:
            if event.WhichOneof("event") == "operation" and event.operation.HasField("ended"):
                outcome = common_pb2.Outcome.Name(event.operation.ended.outcome)
                print("watch", event.operation.operation.method, outcome)
                ended += 1
                if ended == 3:
                    break
        events.cancel()


if __name__ == "__main__":
    main(*sys.argv[1:])
