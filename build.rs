//! Compiles the protocol buffers of `proto/` without an installed `protoc`.

use std::path::PathBuf;
use std::{env, error, fs};

const FILES: [&str; 4] = [
    "proto/cellftp/v1/ftps.proto",
    "proto/cellftp/v1/modem.proto",
    "proto/cellftp/v1/storage.proto",
    "proto/cellftp/v1/transfers.proto",
];

fn main() -> Result<(), Box<dyn error::Error>> {
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

    tonic_prost_build::configure()
        .bytes(".")
        .disable_comments(["."])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
