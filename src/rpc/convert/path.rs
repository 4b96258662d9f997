//! The names on a server that a request is about.

use bytes::Bytes;

use super::fields::{Fields, Invalid};
use crate::broker::flow::many::PATHS;
use crate::broker::terms::Target;
use crate::proto;
use simcom_talk::ftps::value::RemotePath;

/// A path in text and in bytes: one of the two.
pub(in crate::rpc) type Given = (String, Bytes);

impl Fields {
    /// A path of a server, given in text or in bytes.
    pub(super) fn path(&mut self, field: &str, (text, bytes): Given) -> Option<RemotePath> {
        match (text.is_empty(), bytes.is_empty()) {
            (true, false) => self.check(&in_bytes(field), RemotePath::given_in_bytes(&bytes)),
            (false, false) => self.refuse(
                &in_bytes(field),
                format!("is given beside `{field}`; exactly one of them is to be given"),
            ),
            (_, true) => self.check(field, RemotePath::of_text(&text)),
        }
    }

    /// `Some(None)` for an empty path.
    pub(super) fn optional_path(&mut self, field: &str, path: Given) -> Option<Option<RemotePath>> {
        if path.0.is_empty() && path.1.is_empty() {
            Some(None)
        } else {
            self.path(field, path).map(Some)
        }
    }
}

/// Requests about one name on a server.
pub(in crate::rpc) trait OneName: Send {
    /// The target and the path on it.
    fn place(self) -> Result<(Target, RemotePath), Invalid>;
}

macro_rules! one_name {
    ($($request:ident),*) => {$(
        impl OneName for proto::$request {
            fn place(self) -> Result<(Target, RemotePath), Invalid> {
                let mut fields = Fields::default();
                let target = fields.target("target", self.target);
                let path = fields.path("path", (self.path, self.raw_path));
                fields.finish(target.zip(path))
            }
        }
    )*};
}

one_name!(
    DeleteFileRequest,
    GetSizeRequest,
    MakeDirectoryRequest,
    RemoveDirectoryRequest,
    RemoveTreeRequest,
    StatRequest
);

/// A target and a path on it that may be left out.
pub(in crate::rpc) fn place_to_list(
    request: proto::ListRequest,
) -> Result<(Target, Option<RemotePath>), Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", request.target);
    let path = fields.optional_path("path", (request.path, request.raw_path));
    fields.finish(target.zip(path))
}

/// A target and many paths on it: those in text first, then those in bytes.
pub(in crate::rpc) fn places(
    target: Option<proto::Target>,
    paths: Vec<String>,
    raw_paths: Vec<Bytes>,
) -> Result<(Target, Vec<RemotePath>), Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", target);
    let many = paths.len() + raw_paths.len();
    if many == 0 {
        fields.refuse::<()>("paths", "names no file");
    }
    if many > PATHS {
        let field = if paths.len() > PATHS {
            "paths"
        } else {
            "raw_paths"
        };
        let rule = format!("makes {many} paths, at most {PATHS} are allowed");
        fields.refuse::<()>(field, rule);
        return fields.finish(None);
    }
    let text = paths.iter().enumerate();
    let text: Vec<_> = text
        .map(|(at, path)| fields.check(&format!("paths[{at}]"), RemotePath::of_text(path)))
        .collect();
    let bytes = raw_paths.iter().enumerate();
    let bytes: Vec<_> = bytes
        .map(|(at, path)| {
            fields.check(
                &format!("raw_paths[{at}]"),
                RemotePath::given_in_bytes(path),
            )
        })
        .collect();
    let paths = text.into_iter().chain(bytes).collect::<Option<Vec<_>>>();
    fields.finish(target.zip(paths))
}

/// A tree to walk.
#[derive(Debug)]
pub(in crate::rpc) struct WalkScope {
    pub(in crate::rpc) target: Target,
    pub(in crate::rpc) path: Option<RemotePath>,
    /// Levels of directories below the first; `None`: all.
    pub(in crate::rpc) max_depth: Option<usize>,
}

pub(in crate::rpc) fn walk(request: proto::WalkRequest) -> Result<WalkScope, Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", request.target);
    let path = fields.optional_path("path", (request.path, request.raw_path));
    let max_depth = match usize::try_from(request.max_depth) {
        Ok(0) => Some(None),
        Ok(levels) => Some(Some(levels - 1)),
        Err(_) => fields.refuse("max_depth", "is less than 0"),
    };
    let asked = (|| {
        Some(WalkScope {
            target: target?,
            path: path?,
            max_depth: max_depth?,
        })
    })();
    fields.finish(asked)
}

/// The field that has the bytes of what this field has as text: `header.raw_path` for `header.path`.
fn in_bytes(field: &str) -> String {
    match field.rsplit_once('.') {
        Some((message, name)) => format!("{message}.raw_{name}"),
        None => format!("raw_{field}"),
    }
}
