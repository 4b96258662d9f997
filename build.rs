//! Compiles the protocol buffers of `proto/` without an installed `protoc`.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};

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
    // Encoded by protox and not by prost-types, which drops the options it does not know.
    fs::write(
        out.join("descriptor_set.bin"),
        compiler.encode_file_descriptor_set(),
    )?;

    let guarded = Guarded::of(&compiler.descriptor_pool())?;
    tonic_prost_build::configure()
        .bytes(".")
        .disable_comments(["."])
        .skip_debug(&guarded.paths)
        .compile_fds(compiler.file_descriptor_set())?;
    fs::write(out.join("guarded.rs"), guarded.code)?;
    Ok(())
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
