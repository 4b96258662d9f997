//! Requests that write files.

use bytes::Bytes;

use super::choice::Sharing;
use super::fields::{Fields, Invalid};
use super::path::Given;
use crate::broker::flow::put::{PutFilesHeader, PutHeader};
use crate::broker::terms::{Priority, Verify};
use crate::proto;
use crate::rpc::limits::CHUNK;
use simcom_talk::ftps::value::RemotePath;

/// A file to write.
#[derive(Debug)]
pub(in crate::rpc) struct FileWrite {
    pub(in crate::rpc) header: PutHeader,
    /// Nothing is sent where the server has a file of this many bytes.
    pub(in crate::rpc) unless_size: Option<u64>,
    pub(in crate::rpc) sha256: Option<[u8; 32]>,
    pub(in crate::rpc) sharing: Sharing,
}

pub(in crate::rpc) fn put_header(header: proto::PutHeader) -> Result<FileWrite, Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("header.target", header.target);
    let path = fields.path("header.path", (header.path, header.raw_path));
    let if_exists: Option<proto::IfExists> = fields.choice("header.if_exists", header.if_exists);
    let must_be_new = if_exists.map(|choice| matches!(choice, proto::IfExists::Fail));
    let skips = matches!(if_exists, Some(proto::IfExists::SkipSame));
    let verify = fields.verify("header.verify", header.verify);
    let delete_on_failure = fields.delete_on_failure("header.on_failure", header.on_failure);
    let size = match header.size {
        None if skips => fields.refuse("header.size", "is missing; SKIP_SAME compares it"),
        None => Some(None),
        Some(size) => fields.count("header.size", size).map(Some),
    };
    let sha256 = fields.sha256("header.sha256", &header.sha256);
    if skips && verify == Some(Some(Verify::ReadBack)) && sha256 == Some(None) {
        let rule = "is missing; SKIP_SAME with READ_BACK compares it";
        fields.refuse::<()>("header.sha256", rule);
    }
    if skips && !(header.sentinel.is_empty() && header.raw_sentinel.is_empty()) {
        let rule = "is not written beside a file that is not written, so that SKIP_SAME takes none";
        fields.refuse::<()>("header.sentinel", rule);
    }
    let sentinel = fields.sentinel(
        "header.sentinel",
        (header.sentinel, header.raw_sentinel),
        path.as_ref(),
        verify,
    );
    let priority = fields.priority("header.priority", header.priority);
    let yields = fields.yields("header.yield_policy", header.yield_policy);
    let header = (|| {
        let header = PutHeader {
            target: target?,
            path: path?,
            must_be_new: must_be_new?,
            verify: verify?,
            delete_on_failure: delete_on_failure?,
            size: size?,
            sentinel: sentinel?,
        };
        Some(FileWrite {
            unless_size: header.size.filter(|_| skips),
            header,
            sha256: sha256?,
            sharing: (priority?, yields?),
        })
    })();
    fields.finish(header)
}

pub(in crate::rpc) fn put_files_header(
    header: proto::PutFilesHeader,
) -> Result<(PutFilesHeader, Option<Priority>), Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("header.target", header.target);
    let must_be_new = fields.must_be_new("header.if_exists", header.if_exists);
    let verify = fields.verify("header.verify", header.verify);
    let delete_on_failure = fields.delete_on_failure("header.on_failure", header.on_failure);
    let priority = fields.priority("header.priority", header.priority);
    let header = (|| {
        let header = PutFilesHeader {
            target: target?,
            must_be_new: must_be_new?,
            verify: verify?,
            delete_on_failure: delete_on_failure?,
        };
        Some((header, priority?))
    })();
    fields.finish(header)
}

/// A small file: its path, its content, and the SHA-256 of the content where the caller sends it.
pub(in crate::rpc) type SmallFile = (RemotePath, Bytes, Option<[u8; 32]>);

pub(in crate::rpc) fn put_file(file: proto::PutFile) -> Result<SmallFile, Invalid> {
    let mut fields = Fields::default();
    let path = fields.path("file.path", (file.path, file.raw_path));
    let content = match file.content.len() {
        len if len > CHUNK as usize => {
            let rule = format!("has {len} bytes, at most {CHUNK} are allowed");
            fields.refuse("file.content", rule)
        }
        _ => Some(file.content),
    };
    let sha256 = fields.sha256("file.sha256", &file.sha256);
    let file = (|| Some((path?, content?, sha256?)))();
    fields.finish(file)
}

pub(in crate::rpc) fn put_finish(finish: &proto::PutFinish) -> Result<Option<[u8; 32]>, Invalid> {
    let mut fields = Fields::default();
    let sha256 = fields.sha256("finish.sha256", &finish.sha256);
    fields.finish(sha256)
}

impl Fields {
    /// The sentinel of a file; `Some(None)` for an empty path.
    pub(super) fn sentinel(
        &mut self,
        field: &str,
        path: Given,
        file: Option<&RemotePath>,
        verify: Option<Option<Verify>>,
    ) -> Option<Option<RemotePath>> {
        let sentinel = self.optional_path(field, path)?;
        if let (Some(sentinel), Some(file)) = (&sentinel, file)
            && sentinel.is_beside(file)
        {
            return self.refuse(field, "names the file itself, which it would replace");
        }
        if sentinel.is_some() && verify == Some(Some(Verify::Nothing)) {
            let rule = "is written only after the file is verified, so `verify` cannot be NONE";
            return self.refuse(field, rule);
        }
        Some(sentinel)
    }
}
