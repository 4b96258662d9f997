//! Requests about operations.

use super::fields::{Fields, Invalid, both};
use super::options;
use super::page::Page;
use crate::broker::terms::{RequestId, Whose};
use crate::modem::JobId;
use crate::proto;

/// Most operations in one answer: about a hundred kilobytes.
const OPERATIONS: usize = 500;

pub(in crate::rpc) fn page(
    request: proto::ListOperationsRequest,
) -> Result<(Page<usize>, Whose), Invalid> {
    let whose = options::whose(request.principal);
    let mut fields = Fields::default();
    let size = fields.page_size(request.page_size, OPERATIONS);
    let behind = match request.page_token.as_str() {
        "" => Some(None),
        token => match token.parse() {
            Ok(place) => Some(Some(place)),
            Err(_) => fields.refuse("page_token", "is not one of this method"),
        },
    };
    both(
        fields.finish(size.zip(behind).map(|(size, behind)| Page { behind, size })),
        whose,
    )
}

pub(in crate::rpc) fn operation(id: String) -> Result<String, Invalid> {
    let mut fields = Fields::default();
    let id = fields.named("operation_id", id);
    fields.finish(id)
}

/// An operation, by its own id or by that of its request.
#[derive(Debug)]
pub(in crate::rpc) enum Sought {
    Operation(JobId),
    Request(RequestId),
}

/// Which operation is asked for, and whose it is.
pub(in crate::rpc) fn sought(
    request: proto::GetOperationRequest,
) -> Result<(Sought, Whose), Invalid> {
    let mut fields = Fields::default();
    let sought = match (request.operation_id, request.request_id) {
        (id, request) if request.is_empty() => fields
            .named("operation_id", id)
            .map(|id| Sought::Operation(JobId::new(id))),
        (id, request) => {
            let request = fields.request_id("request_id", &request);
            if request.is_some() && !id.is_empty() {
                let rule = "is given beside `operation_id`; exactly one of them is to be given";
                fields.refuse::<()>("request_id", rule);
            }
            request.map(Sought::Request)
        }
    };
    both(fields.finish(sought), options::one(request.principal))
}
