"""Single calls on gRPC's C core."""

import importlib
import os
import socket
import sys
import time
import tty

import grpc


class Client:
    """One connection to a daemon. `stubs`: a folder with what grpcio-tools makes of proto/."""

    def __init__(self, address, stubs, alone=False):
        if str(stubs) not in sys.path:
            sys.path.insert(0, str(stubs))
        load = lambda name: importlib.import_module(f"cellftp.v1.{name}_pb2")
        self.common, self.ftps, self.server = map(load, ("common", "ftps", "server"))
        self.operations = load("operations")
        grpc_of = lambda name: importlib.import_module(f"cellftp.v1.{name}_pb2_grpc")
        settings = [("grpc.default_authority", "localhost"), ("grpc.use_local_subchannel_pool", alone)]
        self.channel = grpc.insecure_channel(f"unix:{address}", settings)
        self.calls = grpc_of("ftps").FtpsServiceStub(self.channel)
        self.queue = grpc_of("operations").OperationServiceStub(self.channel)
        self.about = grpc_of("server").ServerServiceStub(self.channel)
        self.target = self.common.Target(profile="bench")

    def size(self, path):
        return self.calls.GetSize(self.ftps.GetSizeRequest(target=self.target, path=path))

    def size_later(self, path):
        return self.calls.GetSize.future(self.ftps.GetSizeRequest(target=self.target, path=path))

    def nothing(self):
        """A call that touches no port."""
        return self.about.GetServerInfo(self.server.GetServerInfoRequest())

    def waiting(self):
        return self.queue.ListOperations(self.operations.ListOperationsRequest())

    def get(self, path):
        for _ in self.calls.Get(self.ftps.GetRequest(target=self.target, path=path)):
            pass

    def put(self, path, content):
        Request, Header = self.ftps.PutRequest, self.ftps.PutHeader
        header = Header(target=self.target, path=path, size=len(content))
        requests = [Request(header=header), Request(chunk=content)]
        requests.append(Request(finish=self.common.PutFinish()))
        return [*self.calls.Put(iter(requests))][-1].result

    def put_files(self, paths, content):
        Request, File = self.ftps.PutFilesRequest, self.ftps.PutFile
        requests = [Request(header=self.ftps.PutFilesHeader(target=self.target))]
        requests += [Request(file=File(path=path, content=content)) for path in paths]
        return [*self.calls.PutFiles(iter(requests))][-1].summary

    def get_files(self, paths):
        request = self.ftps.GetFilesRequest(target=self.target, paths=paths)
        return [*self.calls.GetFiles(request)][-1].summary


class Port:
    """The port of a module, as who types on it has it."""

    def __init__(self, device):
        self.port = os.open(device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.port)

    def say(self, line, answer):
        """Types a line and reads on to what the answer ends with."""
        os.write(self.port, line.encode() + b"\r")
        got = b""
        while answer not in got or not got.endswith(b"\r\n"):
            got += os.read(self.port, 4096)

    def size(self, path):
        self.say(f'AT+CFTPSSIZE="{path}"', b"+CFTPSSIZE: ")

    def close(self):
        os.close(self.port)


def connect(address):
    """A connection that has begun HTTP/2 and makes no call."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(address))
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0")
    connection.recv(4096)
    return connection


def timed(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
