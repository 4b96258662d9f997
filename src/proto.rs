//! The generated messages, clients and servers of `proto/cellftp/v1/`. A leaf: only `rpc` and
//! `client` import it.

#![expect(
    missing_docs,
    unused_qualifications,
    clippy::allow_attributes_without_reason,
    clippy::allow_attributes,
    clippy::large_enum_variant,
    reason = "generated code; the .proto files carry the documentation. A header is the first of a stream's \
              messages, and one is moved at a time"
)]

tonic::include_proto!("cellftp.v1");

// What holds a secret prints its name alone.
include!(concat!(env!("OUT_DIR"), "/guarded.rs"));

/// The encoded `google.protobuf.FileDescriptorSet` of the package with all that it imports, for
/// server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));
