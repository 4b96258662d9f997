"""A client of cellftpd on gRPC's C core, for tests and as an example.

Carries out one command, or with `batch` one for each line of standard input (a JSON array
of arguments), and prints one line of JSON for each: {"result": {...}}, or {"error": {...}}
with the status code, the message, and what google.rpc's error details say.

`--stubs` is a folder with what grpcio-tools generates from proto/:

    python -m grpc_tools.protoc -I proto --python_out STUBS --grpc_python_out STUBS \\
        proto/cellftp/v1/*.proto
"""

import argparse
import hashlib
import json
import pathlib
import sys
import threading
import types

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

CHUNK = 64 * 1024


class Wrong(Exception):
    """The daemon answered against its contract."""


class Client:
    """One connection, and the calls on it."""

    def __init__(self, options):
        from cellftp.v1 import common_pb2, ftps_pb2, ftps_pb2_grpc

        self.messages = types.SimpleNamespace(**{**vars(common_pb2), **vars(ftps_pb2)})
        self.timeout = options.timeout
        target = options.address
        # For a unix socket, gRPC's core would send the percent-encoded path as :authority,
        # which HTTP/2 servers that hold it against RFC 3986 reset the connection for.
        settings = [("grpc.default_authority", "localhost")] if target.startswith("unix:") else []
        if options.ca is None:
            self.channel = grpc.insecure_channel(target, settings)
        else:
            files = [options.ca, options.key, options.certificate]
            texts = [name and pathlib.Path(name).read_bytes() for name in files]
            credentials = grpc.ssl_channel_credentials(*texts)
            self.channel = grpc.secure_channel(target, credentials, settings)
        self.ftps = ftps_pb2_grpc.FtpsServiceStub(self.channel)

    def put(self, options):
        """Sends a file, and returns the result with the stages that were reported.

        A result that is not as it was asked for is followed by an error, which is raised.
        """
        stages, operation, sent, result = [], "", 0, None
        requests = PutRequests(self, options)
        for response in self.ftps.Put(iter(requests), timeout=self.timeout):
            if response.HasField("result"):
                result = response.result
                continue
            progress = response.progress
            stage = self.messages.Stage.Name(progress.stage)
            if stages[-1:] != [stage]:
                stages.append(stage)
            operation = progress.operation_id or operation
            # Goes back where a broken transfer goes on at what the server has.
            sent = progress.moved_bytes
        if result is None:
            raise Wrong("Put ended without a result")
        return {
            "operation_id": operation,
            "stages": stages,
            "sent": sent,
            "size": result.size,
            "sha256": result.sha256.hex(),
            "state": self.messages.PutState.Name(result.state),
            "evidence": result.evidence,
            "resumes": result.resume_count,
            "sentinel_written": result.sentinel_written,
        }

    def get(self, options):
        """Fetches a file, and checks what the daemon says about it."""
        request = self.messages.GetRequest(
            target=self.target(options), path=options.remote, offset=options.offset
        )
        operation, info, received, digest = None, None, 0, hashlib.sha256()
        with open(options.local, "wb") as file:
            for response in self.ftps.Get(request, timeout=self.timeout):
                if operation is None and not response.HasField("progress"):
                    raise Wrong("progress does not come first")
                if response.HasField("progress"):
                    operation = response.progress.operation_id
                elif response.HasField("info"):
                    info = response.info
                elif response.HasField("chunk"):
                    if info is None:
                        raise Wrong("a chunk before info")
                    if len(response.chunk) > CHUNK:
                        raise Wrong(f"a chunk of {len(response.chunk)} bytes")
                    received += len(response.chunk)
                    digest.update(response.chunk)
                    file.write(response.chunk)
                    if options.vanish_after is not None and received >= options.vanish_after:
                        self.channel.close()
                        return {"vanished_after": received}
                elif response.HasField("result"):
                    result = response.result
                    if result.chunk_size != received or result.chunk_sha256 != digest.digest():
                        raise Wrong("the result is not of the chunks")
                    return {
                        "operation_id": operation,
                        "announced": info.size if info.HasField("size") else None,
                        "offset": info.offset,
                        "size": result.chunk_size,
                        "sha256": result.chunk_sha256.hex(),
                        "resumes": result.resume_count,
                    }
        raise Wrong("Get ended without a result")

    def list(self, options):
        """The entries of a directory, in the server's order."""
        request = self.messages.ListRequest(target=self.target(options), path=options.remote)
        return {
            "entries": [
                {
                    "name": entry.name,
                    "kind": self.messages.EntryKind.Name(entry.kind),
                    "size": entry.size if entry.HasField("size") else None,
                    "permissions": entry.permissions,
                    "raw": entry.raw.decode(errors="replace"),
                }
                for response in self.ftps.List(request, timeout=self.timeout)
                for entry in response.entries
            ]
        }

    def size(self, options):
        """The size of a file."""
        request = self.messages.GetSizeRequest(target=self.target(options), path=options.remote)
        return {"size": self.ftps.GetSize(request, timeout=self.timeout).size}

    def target(self, options):
        if options.session:
            return self.messages.Target(session_id=options.session)
        return self.messages.Target(profile=options.profile)


class PutRequests:
    """What a Put sends, told well or badly."""

    def __init__(self, client, options):
        self.client = client
        self.options = options

    def __iter__(self):
        messages, options = client_messages(self), self.options
        if not options.without_header:
            yield messages.PutRequest(header=self.header())
        digest, sent = hashlib.sha256(), 0
        with open(options.local, "rb") as file:
            while chunk := file.read(options.chunk):
                digest.update(chunk)
                sent += len(chunk)
                yield messages.PutRequest(chunk=chunk)
                if options.vanish_after is not None and sent >= options.vanish_after:
                    self.vanish()
                    return
        if options.without_finish:
            return
        sha256 = bytes.fromhex(options.sha256) if options.sha256 else digest.digest()
        yield messages.PutRequest(finish=messages.PutFinish(sha256=sha256))
        if options.chunk_after_finish:
            yield messages.PutRequest(chunk=b"late")

    def header(self):
        messages, options = client_messages(self), self.options
        header = messages.PutHeader(
            target=self.client.target(options),
            path=options.remote,
            if_exists=messages.IfExists.Value(f"IF_EXISTS_{options.if_exists}"),
            verify=messages.Verify.Value(f"VERIFY_{options.verify}"),
            on_failure=messages.OnFailure.Value(f"ON_FAILURE_{options.on_failure}"),
            sentinel=options.sentinel,
        )
        if options.size is not None:
            header.size = options.size
        return header

    def vanish(self):
        # Closing from here would wait for this very thread. The delay lets what was sent
        # leave the process.
        threading.Timer(0.2, self.client.channel.close).start()
        threading.Event().wait(1)


def client_messages(requests):
    return requests.client.messages


def error_of(error):
    """A failed call as JSON: its status, with the details that it carries."""
    found = {"code": error.code().name, "message": error.details()}
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.RetryInfo,
            error_details_pb2.BadRequest,
        ):
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found.update(fields_of(message))
    return found


def fields_of(detail):
    if isinstance(detail, error_details_pb2.ErrorInfo):
        return {
            "reason": detail.reason,
            "domain": detail.domain,
            "metadata": dict(detail.metadata),
        }
    if isinstance(detail, error_details_pb2.RetryInfo):
        return {"retry_after": detail.retry_delay.ToTimedelta().total_seconds()}
    return {
        "violations": {
            violation.field: violation.description for violation in detail.field_violations
        }
    }


def run(options):
    """Carries out one command on a connection of its own."""
    client = Client(options)
    try:
        return {"result": getattr(client, options.command)(options)}
    except grpc.RpcError as error:
        return {"error": error_of(error)}
    except ValueError as error:
        # gRPC's word for a call on a channel that was closed under it: ours, on purpose.
        if options.vanish_after is None:
            raise
        return {"result": {"vanished": str(error)}}
    except Wrong as error:
        return {"error": {"code": "CONTRACT", "message": str(error)}}
    finally:
        client.channel.close()


def run_together(commands):
    """Carries out commands at once; their answers in the order of the commands."""
    answers = [None] * len(commands)
    barrier = threading.Barrier(len(commands))

    def one(at):
        barrier.wait()
        answers[at] = run(commands[at])

    threads = [threading.Thread(target=one, args=(at,)) for at in range(len(commands))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"result": answers}


def command_parser():
    parser = argparse.ArgumentParser(prog="cellftp_client.py")
    commands = parser.add_subparsers(dest="command", required=True)

    where = argparse.ArgumentParser(add_help=False)
    target = where.add_mutually_exclusive_group(required=True)
    target.add_argument("--profile", default="")
    target.add_argument("--session", default="")
    where.add_argument("remote")

    put = commands.add_parser("put", parents=[where])
    put.add_argument("local")
    put.add_argument("--if-exists", default="UNSPECIFIED")
    put.add_argument("--verify", default="UNSPECIFIED")
    put.add_argument("--on-failure", default="UNSPECIFIED")
    put.add_argument("--sentinel", default="")
    put.add_argument("--size", type=int, help="the size to declare")
    put.add_argument("--sha256", help="in place of the right one")
    put.add_argument("--chunk", type=int, default=CHUNK, help="bytes a message")
    put.add_argument("--vanish-after", type=int, metavar="BYTES")
    put.add_argument("--without-header", action="store_true")
    put.add_argument("--without-finish", action="store_true")
    put.add_argument("--chunk-after-finish", action="store_true")

    get = commands.add_parser("get", parents=[where])
    get.add_argument("local")
    get.add_argument("--offset", type=int, default=0)
    get.add_argument("--vanish-after", type=int, metavar="BYTES")

    for plain in ("list", "size"):
        commands.add_parser(plain, parents=[where]).set_defaults(vanish_after=None)
    return parser


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stubs", help="folder of the generated modules")
    parser.add_argument("--address", required=True, help="unix:/PATH or 127.0.0.1:PORT")
    parser.add_argument("--ca", help="PEM file of the daemon's authority: the address has TLS")
    parser.add_argument("--certificate", help="PEM file of the client's own certificate")
    parser.add_argument("--key", help="PEM file of its key")
    parser.add_argument("--timeout", type=float, default=300, help="deadline of a call, seconds")
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="put, get, list, size, or batch",
    )
    options = parser.parse_args()
    if options.stubs:
        sys.path.insert(0, options.stubs)

    def parse(arguments):
        common = ("address", "ca", "certificate", "key", "timeout")
        defaults = argparse.Namespace(**{name: getattr(options, name) for name in common})
        return command_parser().parse_args(arguments, defaults)

    if options.arguments != ["batch"]:
        answer = run(parse(options.arguments))
        print(json.dumps(answer))
        sys.exit("error" in answer)
    for line in sys.stdin:
        arguments = json.loads(line)
        if arguments[0] == "together":
            answer = run_together([parse(one) for one in arguments[1:]])
        else:
            answer = run(parse(arguments))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
