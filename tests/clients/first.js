// First steps with cellftpd in Node.js: read a file, write it again, be refused, and watch what happens.
//
//     protoc -I proto -I GOOGLE --include_imports --descriptor_set_out api.binpb \
//         proto/cellftp/v1/*.proto GOOGLE/google/rpc/status.proto GOOGLE/google/rpc/error_details.proto
//     node first.js api.binpb 127.0.0.1:50051 PROFILE PATH
//
// GOOGLE is a folder with the .proto files of googleapis. Needs @grpc/grpc-js and @grpc/proto-loader.
'use strict';

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const CHUNK = 64 * 1024;

const sha256 = (content) => createHash('sha256').update(content).digest();

// Reads a file.
async function get(ftps, target, path) {
  const chunks = [];
  let result;
  // `progress` and `info` may be passed over, and so may what later versions add.
  for await (const response of ftps.Get({ target, path })) {
    if (response.message === 'chunk') chunks.push(response.chunk);
    if (response.message === 'result') result = response.result;
  }
  const content = Buffer.concat(chunks);
  if (!result || !sha256(content).equals(result.chunk_sha256)) {
    throw new Error(`${path} did not come whole`);
  }
  return content;
}

// Writes a file that must not be there yet. Throws unless all went as asked.
async function put(ftps, target, path, content) {
  const call = ftps.Put();
  const answers = (async () => {
    let result;
    for await (const response of call) {
      if (response.message === 'result') result = response.result;
    }
    return result;
  })();
  const header = { target, path, if_exists: 'IF_EXISTS_FAIL', size: content.length };
  const requests = [{ header }];
  for (let at = 0; at < content.length; at += CHUNK) {
    requests.push({ chunk: content.subarray(at, at + CHUNK) });
  }
  requests.push({ finish: { sha256: sha256(content) } });
  for (const request of requests) {
    // The daemon takes no more than the link does: wait, and do not wait for a call that has ended.
    if (!call.write(request)) await Promise.race([once(call, 'drain'), answers]);
  }
  call.end();
  return answers;
}

// Why a call failed: one of errors.proto.
function reason(api, error) {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!bytes) return '';
  const status = api['google.rpc.Status'].deserialize(bytes);
  for (const detail of status.details) {
    if (detail.type_url.endsWith('/google.rpc.ErrorInfo')) {
      return api['google.rpc.ErrorInfo'].deserialize(detail.value).reason;
    }
  }
  return '';
}

async function main(descriptors, address, profile, path) {
  const api = loader.loadFileDescriptorSetFromBuffer(readFileSync(descriptors), {
    keepCase: true,
    enums: String,
    longs: String,
    oneofs: true,
  });
  const { v1 } = grpc.loadPackageDefinition(api).cellftp;
  const credentials = grpc.credentials.createInsecure();
  const ftps = new v1.FtpsService(address, credentials);
  const operations = new v1.OperationService(address, credentials);
  const target = { profile };

  const events = operations.WatchEvents({});
  // When the headers are there, the daemon watches.
  await once(events, 'metadata');

  const content = await get(ftps, target, path);
  console.log('get', content.length, sha256(content).toString('hex'));

  const result = await put(ftps, target, `${path}.copy`, content);
  console.log('put', result.state);

  try {
    await put(ftps, target, `${path}.copy`, content);
  } catch (error) {
    console.log('put', grpc.status[error.code], reason(api, error));
  }

  let ended = 0;
  for await (const { operation } of events) {
    if (operation?.ended) {
      console.log('watch', operation.operation.method, operation.ended.outcome);
      if (++ended === 3) break;
    }
  }
  // To leave a stream does not end its call, and a call that is open keeps Node.js running.
  events.cancel();
  ftps.close();
  operations.close();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
