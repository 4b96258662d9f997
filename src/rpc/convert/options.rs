//! What requests have besides their own fields: call options, labels, and whose things they are about.

use std::collections::HashMap;
use std::time::Duration;

use super::fields::{Fields, Invalid};
use crate::broker::terms::{Labels, Principal, RequestId, Whose};
use crate::proto;
use crate::transfers::Terms;

/// Stands for all principals, in a request that may be about all.
const ALL: &str = "-";

/// The options of a call.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Asked {
    pub(in crate::rpc) id: Option<RequestId>,
    pub(in crate::rpc) validate_only: bool,
    pub(in crate::rpc) labels: Labels,
}

/// Reads the options of a call; `field` names them.
pub(in crate::rpc) fn options(
    field: &str,
    options: Option<proto::CallOptions>,
) -> Result<Asked, Invalid> {
    let Some(options) = options else {
        return Ok(Asked::default());
    };
    let mut fields = Fields::default();
    let id = match options.request_id {
        id if id.is_empty() => Some(None),
        id => fields
            .request_id(&format!("{field}.request_id"), &id)
            .map(Some),
    };
    let labels = fields.labels(&format!("{field}.labels"), options.labels);
    let asked = id.zip(labels).map(|(id, labels)| Asked {
        id,
        validate_only: options.validate_only,
        labels,
    });
    fields.finish(asked)
}

/// Whose things a request is about, which may be all principals'.
pub(in crate::rpc) fn whose(principal: String) -> Result<Whose, Invalid> {
    if principal == ALL {
        return Ok(Whose::All);
    }
    one(principal)
}

/// Whose thing a request is about, which is one principal's.
pub(in crate::rpc) fn one(principal: String) -> Result<Whose, Invalid> {
    if principal.is_empty() {
        return Ok(Whose::Own);
    }
    let mut fields = Fields::default();
    let named = if principal == ALL {
        fields.refuse("principal", "means all, and this is about one")
    } else {
        fields.named("principal", principal)
    };
    fields.finish(named.map(|name| Whose::One(Principal::new(name))))
}

impl Fields {
    pub(super) fn request_id(&mut self, field: &str, id: &str) -> Option<RequestId> {
        RequestId::new(id).or_else(|| self.refuse(field, "is not 1 to 128 of A-Z a-z 0-9 . _ -"))
    }

    pub(super) fn labels(
        &mut self,
        field: &str,
        labels: HashMap<String, String>,
    ) -> Option<Labels> {
        match Labels::new(labels) {
            Ok(labels) => Some(labels),
            Err(rule) => self.refuse(field, rule.to_string()),
        }
    }

    /// The options of a call that creates a transfer. Answers whether the call is only checked.
    pub(super) fn creating(
        &mut self,
        field: &str,
        options: Option<proto::CallOptions>,
    ) -> Option<bool> {
        let options = options.unwrap_or_default();
        if !options.request_id.is_empty() {
            let rule = "is not taken here: `transfer_id` has the call carried out once";
            self.refuse::<()>(&format!("{field}.request_id"), rule);
        }
        if !options.labels.is_empty() {
            let rule = "are not taken here: `transfer_options` has those of the transfer";
            self.refuse::<()>(&format!("{field}.labels"), rule);
        }
        Some(options.validate_only)
    }

    /// The options of a transfer.
    pub(super) fn terms(
        &mut self,
        field: &str,
        options: Option<proto::TransferOptions>,
    ) -> Option<Terms> {
        let options = options.unwrap_or_default();
        let start_delay = match options.start_delay {
            None => Some(Duration::ZERO),
            Some(span) => self.span(&format!("{field}.start_delay"), span),
        };
        let name = format!("{field}.lifetime");
        let lifetime = match options.lifetime {
            None => Some(None),
            Some(span) => match self.span(&name, span) {
                Some(Duration::ZERO) => self.refuse(&name, "is 0: it would have expired at once"),
                span => span.map(Some),
            },
        };
        let labels = self.labels(&format!("{field}.labels"), options.labels);
        Some(Terms {
            start_delay: start_delay?,
            lifetime: lifetime?,
            labels: labels?,
        })
    }
}

/// Labels for a message.
pub(super) fn labels(labels: &Labels) -> HashMap<String, String> {
    let labels = labels.iter();
    labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
