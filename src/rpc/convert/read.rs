//! Requests that read a file.

use super::choice::Sharing;
use super::fields::{Fields, Invalid};
use crate::broker::flow::get::{Guards, Wanted};
use crate::broker::terms::Target;
use crate::proto;
use simcom_talk::ftps::value::Offset;

/// Most bytes of a tail, as the contract says.
const TAIL: usize = 512;

/// A file to read.
#[derive(Debug)]
pub(in crate::rpc) struct FileRead {
    pub(in crate::rpc) target: Target,
    pub(in crate::rpc) wanted: Wanted,
    pub(in crate::rpc) sharing: Sharing,
}

pub(in crate::rpc) fn get(request: proto::GetRequest) -> Result<FileRead, Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", request.target);
    let path = fields.path("path", (request.path, request.raw_path));
    let offset = fields
        .count("offset", request.offset)
        .and_then(|offset| fields.check("offset", Offset::new(offset)));
    let priority = fields.priority("priority", request.priority);
    let yields = fields.yields("yield_policy", request.yield_policy);
    let tail = match request.tail.len() {
        len if len > TAIL => {
            let rule = format!("has {len} bytes, at most {TAIL} are allowed");
            fields.refuse("tail", rule)
        }
        len if offset.is_some_and(|offset| offset.get() < len as u64) => {
            fields.refuse("tail", "has more bytes than there are before `offset`")
        }
        _ => Some(request.tail),
    };
    let if_size = match request.if_size {
        None => Some(None),
        Some(size) => fields.count("if_size", size).map(Some),
    };
    let sha256 = fields.sha256("sha256", &request.sha256);
    let growth = fields.growth("growth", request.growth);
    if offset.is_some_and(|offset| offset.get() > 0) && sha256.flatten().is_some() {
        fields.refuse::<()>("sha256", "is of the whole file, so that `offset` must be 0");
    }
    let length = fields.count("length", request.length);
    if length.is_some_and(|length| length > 0) && sha256.flatten().is_some() {
        fields.refuse::<()>("sha256", "is of the whole file, so that `length` must be 0");
    }
    let read = (|| {
        let guards = Guards {
            tail: tail?,
            if_size: if_size?,
            sha256: sha256?,
        };
        Some(FileRead {
            target: target?,
            wanted: Wanted {
                path: path?,
                offset: offset?,
                length: length.map(|length| (length > 0).then_some(length))?,
                guards,
                growth: growth?,
            },
            sharing: (priority?, yields?),
        })
    })();
    fields.finish(read)
}
