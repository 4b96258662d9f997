import cellftp.v1.*;
import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.security.MessageDigest;
import java.util.Iterator;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * First steps with cellftpd in Java: read a file, write it again, be refused, and watch what happens.
 *
 * <pre>
 * protoc -I proto --java_out=OUT --grpc-java_out=OUT proto/cellftp/v1/*.proto
 * java First 127.0.0.1:50051 PROFILE PATH
 * </pre>
 */
public final class First {
    private static final int CHUNK = 64 * 1024;

    /** Reads a file. */
    static ByteString get(FtpsServiceGrpc.FtpsServiceBlockingStub ftps, Target target, String path)
            throws Exception {
        ByteString content = ByteString.EMPTY;
        ByteString hash = null;
        GetRequest request = GetRequest.newBuilder().setTarget(target).setPath(path).build();
        for (Iterator<GetResponse> answers = ftps.get(request); answers.hasNext(); ) {
            GetResponse response = answers.next();
            // Progress and info may be passed over, and so may what later versions add.
            content = content.concat(response.getChunk());
            if (response.hasResult()) {
                hash = response.getResult().getChunkSha256();
            }
        }
        if (!sha256(content).equals(hash)) {
            throw new Exception(path + " did not come whole");
        }
        return content;
    }

    /** Writes a file that must not be there yet. Throws unless all went as asked. */
    static PutResult put(
            FtpsServiceGrpc.FtpsServiceStub ftps, Target target, String path, ByteString content)
            throws Exception {
        CompletableFuture<PutResult> outcome = new CompletableFuture<>();
        StreamObserver<PutRequest> call = ftps.put(new StreamObserver<PutResponse>() {
            private PutResult result;

            @Override
            public void onNext(PutResponse response) {
                if (response.hasResult()) {
                    result = response.getResult();
                }
            }

            @Override
            public void onError(Throwable error) {
                outcome.completeExceptionally(error);
            }

            @Override
            public void onCompleted() {
                outcome.complete(result);
            }
        });
        PutHeader header = PutHeader.newBuilder()
                .setTarget(target)
                .setPath(path)
                .setIfExists(IfExists.IF_EXISTS_FAIL)
                .setSize(content.size())
                .build();
        call.onNext(PutRequest.newBuilder().setHeader(header).build());
        for (int at = 0; at < content.size(); at += CHUNK) {
            ByteString chunk = content.substring(at, Math.min(at + CHUNK, content.size()));
            call.onNext(PutRequest.newBuilder().setChunk(chunk).build());
        }
        PutFinish finish = PutFinish.newBuilder().setSha256(sha256(content)).build();
        call.onNext(PutRequest.newBuilder().setFinish(finish).build());
        call.onCompleted();
        return outcome.get();
    }

    /** Why a call failed: one of errors.proto. */
    static String reason(Throwable error) throws Exception {
        com.google.rpc.Status status = StatusProto.fromThrowable(error);
        for (Any detail : status.getDetailsList()) {
            if (detail.is(ErrorInfo.class)) {
                return detail.unpack(ErrorInfo.class).getReason();
            }
        }
        return "";
    }

    static ByteString sha256(ByteString content) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        return ByteString.copyFrom(digest.digest(content.toByteArray()));
    }

    static String hex(ByteString bytes) {
        StringBuilder text = new StringBuilder();
        for (byte one : bytes) {
            text.append(String.format("%02x", one));
        }
        return text.toString();
    }

    public static void main(String[] arguments) throws Exception {
        ManagedChannel channel =
                ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        FtpsServiceGrpc.FtpsServiceBlockingStub ftps = FtpsServiceGrpc.newBlockingStub(channel);
        FtpsServiceGrpc.FtpsServiceStub streams = FtpsServiceGrpc.newStub(channel);
        Target target = Target.newBuilder().setProfile(arguments[1]).build();
        String path = arguments[2];

        // A blocking stub would begin to watch with the first event that is asked for.
        BlockingQueue<WatchEventsResponse> events = new LinkedBlockingQueue<>();
        OperationServiceGrpc.newStub(channel).watchEvents(
                WatchEventsRequest.getDefaultInstance(), new StreamObserver<WatchEventsResponse>() {
                    @Override
                    public void onNext(WatchEventsResponse event) {
                        events.add(event);
                    }

                    @Override
                    public void onError(Throwable error) {}

                    @Override
                    public void onCompleted() {}
                });

        ByteString content = get(ftps, target, path);
        System.out.println("get " + content.size() + " " + hex(sha256(content)));

        PutResult result = put(streams, target, path + ".copy", content);
        System.out.println("put " + result.getState());

        try {
            put(streams, target, path + ".copy", content);
        } catch (ExecutionException failed) {
            Throwable error = failed.getCause();
            System.out.println("put " + Status.fromThrowable(error).getCode() + " " + reason(error));
        }

        for (int ended = 0; ended < 3; ) {
            WatchEventsResponse event = events.take();
            if (event.getOperation().hasEnded()) {
                OperationEvent operation = event.getOperation();
                System.out.println("watch " + operation.getOperation().getMethod() + " "
                        + operation.getEnded().getOutcome());
                ended++;
            }
        }
        channel.shutdownNow();
    }
}
