//! Pages of lists.

use super::fields::{Fields, Invalid};
use crate::proto;

/// Most profiles, or sessions, in one answer.
const NAMES: usize = 200;

/// A part of a list: `size` entries after the entry `behind`.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct Page<T> {
    pub(in crate::rpc) behind: Option<T>,
    pub(in crate::rpc) size: usize,
}

impl Fields {
    /// The size of a page: `most` where the request does not say, or asks for more.
    pub(super) fn page_size(&mut self, asked: i32, most: usize) -> Option<usize> {
        match usize::try_from(asked) {
            Ok(0) => Some(most),
            Ok(size) => Some(size.min(most)),
            Err(_) => self.refuse("page_size", "is less than 0"),
        }
    }
}

/// The page of profiles that a request asks for.
pub(in crate::rpc) fn profiles(
    request: proto::ListProfilesRequest,
) -> Result<Page<String>, Invalid> {
    page_of_names(request.page_size, request.page_token)
}

/// A page of a list in the order of names.
pub(super) fn page_of_names(page_size: i32, page_token: String) -> Result<Page<String>, Invalid> {
    let mut fields = Fields::default();
    let size = fields.page_size(page_size, NAMES);
    let behind = match page_token {
        token if token.is_empty() => Some(None),
        token => fields.named("page_token", token).map(Some),
    };
    fields.finish(size.zip(behind).map(|(size, behind)| Page { behind, size }))
}
