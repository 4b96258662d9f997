//! Compiles the protocol buffers of `proto/` without an installed `protoc`.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use protox::prost::Message;
use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor, Value,
};

const FILES: [&str; 9] = [
    "proto/cellftp/v1/common.proto",
    "proto/cellftp/v1/diagnostics.proto",
    "proto/cellftp/v1/errors.proto",
    "proto/cellftp/v1/ftps.proto",
    "proto/cellftp/v1/modem.proto",
    "proto/cellftp/v1/operations.proto",
    "proto/cellftp/v1/server.proto",
    "proto/cellftp/v1/storage.proto",
    "proto/cellftp/v1/transfers.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");

    let mut compiler = protox::Compiler::new(["proto"])?;
    // Reflection serves the comments, so that `grpcurl describe` explains the contract.
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let pool = compiler.descriptor_pool();
    // Encoded by protox and not by prost-types, which drops the options it does not know.
    let set = commented(&pool, &compiler.encode_file_descriptor_set())?;
    fs::write(out.join("descriptor_set.bin"), set)?;

    let guarded = Guarded::of(&pool)?;
    tonic_prost_build::configure()
        .bytes(".")
        .disable_comments(["."])
        .skip_debug(&guarded.paths)
        .compile_fds(compiler.file_descriptor_set())?;
    fs::write(out.join("guarded.rs"), guarded.code)?;
    Ok(())
}

/// A descriptor set that keeps the places of comments alone. The places of everything else are four fifths of them:
/// reflection shows none, and the daemon has them in memory.
fn commented(pool: &DescriptorPool, set: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    // options.proto imports what describes it.
    let kind = pool
        .get_message_by_name("google.protobuf.FileDescriptorSet")
        .ok_or("no descriptors of descriptors")?;
    let mut set = DynamicMessage::decode(kind, set)?;
    let files = set
        .get_field_by_name_mut("file")
        .and_then(Value::as_list_mut);
    for file in files.into_iter().flatten() {
        let info = file
            .as_message_mut()
            .filter(|file| file.has_field_by_name("source_code_info"))
            .and_then(|file| file.get_field_by_name_mut("source_code_info"))
            .and_then(Value::as_message_mut);
        let places = info.and_then(|info| info.get_field_by_name_mut("location"));
        if let Some(places) = places.and_then(Value::as_list_mut) {
            places.retain(|place| {
                let has = |comment| {
                    place
                        .as_message()
                        .is_some_and(|place| place.has_field_by_name(comment))
                };
                has("leading_comments")
                    || has("trailing_comments")
                    || has("leading_detached_comments")
            });
        }
    }
    Ok(set.encode_to_vec())
}

/// The messages with a field that has the option `(cellftp.v1.secret)`: they are never printed.
struct Guarded {
    /// As the code generator names them.
    paths: BTreeSet<String>,
    /// `Debug` for each and for its oneofs, that prints the name alone.
    code: String,
}

impl Guarded {
    fn of(pool: &DescriptorPool) -> Result<Self, Box<dyn Error>> {
        let secret = pool
            .get_extension_by_name("cellftp.v1.secret")
            .ok_or("options.proto has no `secret`")?;
        let mut guarded = Self {
            paths: BTreeSet::new(),
            code: String::new(),
        };
        for message in pool.all_messages() {
            let is_secret = |field: FieldDescriptor| {
                field.options().get_extension(&secret).as_bool() == Some(true)
            };
            if message.fields().any(is_secret) {
                guarded.add(&message);
            }
        }
        Ok(guarded)
    }

    fn add(&mut self, message: &MessageDescriptor) {
        self.paths.insert(format!(".{}", message.full_name()));
        self.name(message.name(), message.name());
        // A oneof becomes an enum of its own, in a module with the name of its message.
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let path = format!("{}::{}", snake(message.name()), camel(oneof.name()));
            self.name(&path, message.name());
        }
    }

    fn name(&mut self, rust: &str, name: &str) {
        self.code += &format!(
            "impl ::core::fmt::Debug for {rust} {{\n    \
                 fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n        \
                     f.write_str(\"{name}(secret)\")\n    }}\n}}\n"
        );
    }
}

/// `PutRequest` as `put_request`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// `some_name` as `SomeName`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}
