// First steps with cellftpd in Go: read a file, write it again, be refused, and watch what happens.
//
//	protoc -I proto --go_out=. --go-grpc_out=. proto/cellftp/v1/*.proto
//	go run first.go 127.0.0.1:50051 PROFILE PATH
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	cellftp "cellftp/v1"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

const chunk = 64 * 1024

// Reads a file.
func get(ctx context.Context, ftps cellftp.FtpsServiceClient, target *cellftp.Target, path string) ([]byte, error) {
	answers, err := ftps.Get(ctx, &cellftp.GetRequest{Target: target, Path: path})
	if err != nil {
		return nil, err
	}
	var content []byte
	var result *cellftp.GetResult
	for {
		response, err := answers.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		// Progress and info may be passed over, and so may what later versions add.
		content = append(content, response.GetChunk()...)
		if response.GetResult() != nil {
			result = response.GetResult()
		}
	}
	hash := sha256.Sum256(content)
	if !bytes.Equal(hash[:], result.GetChunkSha256()) {
		return nil, errors.New(path + " did not come whole")
	}
	return content, nil
}

// Writes a file that must not be there yet. Answers with an error unless all went as asked.
func put(ctx context.Context, ftps cellftp.FtpsServiceClient, target *cellftp.Target, path string, content []byte) (*cellftp.PutResult, error) {
	call, err := ftps.Put(ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		size := int64(len(content))
		// A call that has ended takes nothing more: the answers say why.
		header := &cellftp.PutHeader{Target: target, Path: path, IfExists: cellftp.IfExists_IF_EXISTS_FAIL, Size: &size}
		err := call.Send(&cellftp.PutRequest{Message: &cellftp.PutRequest_Header{Header: header}})
		for rest := content; err == nil && len(rest) > 0; {
			next := rest
			if len(next) > chunk {
				next = next[:chunk]
			}
			rest = rest[len(next):]
			err = call.Send(&cellftp.PutRequest{Message: &cellftp.PutRequest_Chunk{Chunk: next}})
		}
		if err == nil {
			hash := sha256.Sum256(content)
			finish := &cellftp.PutFinish{Sha256: hash[:]}
			call.Send(&cellftp.PutRequest{Message: &cellftp.PutRequest_Finish{Finish: finish}})
			call.CloseSend()
		}
	}()
	var result *cellftp.PutResult
	for {
		response, err := call.Recv()
		if err == io.EOF {
			return result, nil
		}
		if err != nil {
			return nil, err
		}
		if response.GetResult() != nil {
			result = response.GetResult()
		}
	}
}

// Why a call failed: one of errors.proto.
func reason(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func run(address, profile, path string) error {
	connection, err := grpc.Dial(address, grpc.WithInsecure())
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ftps := cellftp.NewFtpsServiceClient(connection)
	operations := cellftp.NewOperationServiceClient(connection)
	target := &cellftp.Target{Destination: &cellftp.Target_Profile{Profile: profile}}

	events, err := operations.WatchEvents(ctx, &cellftp.WatchEventsRequest{})
	if err != nil {
		return err
	}
	// When the headers are there, the daemon watches.
	if _, err := events.Header(); err != nil {
		return err
	}

	content, err := get(ctx, ftps, target, path)
	if err != nil {
		return err
	}
	fmt.Printf("get %d %x\n", len(content), sha256.Sum256(content))

	result, err := put(ctx, ftps, target, path+".copy", content)
	if err != nil {
		return err
	}
	fmt.Println("put", result.GetState())

	_, err = put(ctx, ftps, target, path+".copy", content)
	fmt.Println("put", status.Code(err), reason(err))

	for ended := 0; ended < 3; {
		event, err := events.Recv()
		if err != nil {
			return err
		}
		if end := event.GetOperation().GetEnded(); end != nil {
			fmt.Println("watch", event.GetOperation().GetOperation().GetMethod(), end.GetOutcome())
			ended++
		}
	}
	return nil
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}
