//! Requests about transfers.

use std::collections::HashMap;

use super::fields::{Fields, Invalid, both};
use super::options::{one, whose};
use super::page::Page;
use crate::broker::terms::{Caller, Key, Labels, Principal, Priority, TransferId, Whose};
use crate::proto;
use crate::transfers::{Direction, Record, UploadWish, Wish};

/// Most transfers in one answer: a few hundred kilobytes.
const PAGE: usize = 200;

/// A transfer that is to be created.
#[derive(Debug)]
pub(in crate::rpc) struct Creation {
    pub(in crate::rpc) id: TransferId,
    pub(in crate::rpc) wish: Wish,
    /// The request is only checked.
    pub(in crate::rpc) validate_only: bool,
}

/// The header of an upload: its id, and what is to be done.
pub(in crate::rpc) fn upload(header: proto::UploadHeader) -> Result<Creation, Invalid> {
    let mut fields = Fields::default();
    let terms = fields.terms("header.transfer_options", header.transfer_options);
    let validate_only = fields.creating("header.options", header.options);
    let id = fields.transfer("header.transfer_id", header.transfer_id);
    let profile = fields.named("header.profile", header.profile);
    let path = fields.path("header.path", (header.path, header.raw_path));
    let must_be_new = fields.must_be_new("header.if_exists", header.if_exists);
    let verify = fields.verify("header.verify", header.verify);
    let delete_on_failure = fields.delete_on_failure("header.on_failure", header.on_failure);
    let sentinel = fields.sentinel(
        "header.sentinel",
        (header.sentinel, header.raw_sentinel),
        path.as_ref(),
        verify,
    );
    let priority = fields.priority("header.priority", header.priority);
    let size = match header.size {
        None => Some(None),
        Some(size) => fields.count("header.size", size).map(Some),
    };
    let sha256 = fields.sha256("header.sha256", &header.sha256);
    let read = (|| {
        let upload = UploadWish {
            must_be_new: must_be_new?,
            verify: verify?.unwrap_or_default(),
            delete_on_failure: delete_on_failure?,
            sentinel: sentinel?,
            size: size?,
            sha256: sha256?,
        };
        let wish = Wish {
            profile: profile?,
            path: path?,
            priority: priority?.unwrap_or(Priority::Bulk),
            direction: Direction::Upload(upload),
            terms: terms?,
        };
        Some(Creation {
            id: id?,
            wish,
            validate_only: validate_only?,
        })
    })();
    fields.finish(read)
}

/// Which upload is resumed, and at which offset.
pub(in crate::rpc) fn resume(header: proto::ResumeHeader) -> Result<(TransferId, u64), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("header.transfer_id", header.transfer_id);
    let offset = fields.count("header.offset", header.offset);
    fields.finish(id.zip(offset))
}

/// A download: its id, and what is to be done.
pub(in crate::rpc) fn download(request: proto::CreateDownloadRequest) -> Result<Creation, Invalid> {
    let mut fields = Fields::default();
    let terms = fields.terms("transfer_options", request.transfer_options);
    let validate_only = fields.creating("options", request.options);
    let id = fields.transfer("transfer_id", request.transfer_id);
    let profile = fields.named("profile", request.profile);
    let path = fields.path("path", (request.path, request.raw_path));
    let priority = fields.priority("priority", request.priority);
    let read = (|| {
        let wish = Wish {
            profile: profile?,
            path: path?,
            priority: priority?.unwrap_or(Priority::Bulk),
            direction: Direction::Download,
            terms: terms?,
        };
        Some(Creation {
            id: id?,
            wish,
            validate_only: validate_only?,
        })
    })();
    fields.finish(read)
}

/// Requests about one transfer.
pub(in crate::rpc) trait OneTransfer {
    /// Which transfer, and whose.
    fn read(self) -> Result<(TransferId, Whose), Invalid>;
}

macro_rules! one_transfer {
    ($($request:ident),*) => {$(
        impl OneTransfer for proto::$request {
            fn read(self) -> Result<(TransferId, Whose), Invalid> {
                let mut fields = Fields::default();
                let id = fields.transfer("transfer_id", self.transfer_id);
                both(fields.finish(id), one(self.principal))
            }
        }
    )*};
}

one_transfer!(
    GetTransferRequest,
    WatchTransferRequest,
    RetryTransferRequest,
    CancelTransferRequest,
    DeleteTransferRequest
);

/// Which download, and from which offset on.
pub(in crate::rpc) fn read(
    request: proto::ReadTransferRequest,
) -> Result<(TransferId, u64), Invalid> {
    let mut fields = Fields::default();
    let id = fields.transfer("transfer_id", request.transfer_id);
    let offset = fields.count("offset", request.offset);
    fields.finish(id.zip(offset))
}

/// Which transfers, whose, and which page of them.
pub(in crate::rpc) fn list(
    request: proto::ListTransfersRequest,
) -> Result<(Page<Behind>, (Filter, Whose)), Invalid> {
    let mut fields = Fields::default();
    let whose = whose(request.principal);
    let all = matches!(whose, Ok(Whose::All));
    let size = fields.page_size(request.page_size, PAGE);
    let behind = if request.page_token.is_empty() {
        Some(None)
    } else {
        fields.behind(request.page_token, all).map(Some)
    };
    let filter = Filter::read(
        &mut fields,
        request.states,
        request.transfer_id_prefix,
        request.labels,
    );
    let page = size.zip(behind).map(|(size, behind)| Page { behind, size });
    let read = page.zip(filter);
    let read = both(fields.finish(read), whose);
    read.map(|((page, filter), whose)| (page, (filter, whose)))
}

/// Which transfers are watched, and whose.
pub(in crate::rpc) fn watch(
    request: proto::WatchTransfersRequest,
) -> Result<(Filter, Whose), Invalid> {
    let mut fields = Fields::default();
    let filter = Filter::read(
        &mut fields,
        request.states,
        request.transfer_id_prefix,
        request.labels,
    );
    both(fields.finish(filter), whose(request.principal))
}

/// The transfer before the first of a page. Without a principal, it belongs to the principal of the list.
#[derive(Debug)]
pub(in crate::rpc) struct Behind {
    id: TransferId,
    principal: Option<Principal>,
}

impl Behind {
    /// Its key in a list of these transfers.
    pub(in crate::rpc) fn key(self, whose: &Whose, caller: &Caller) -> Option<Key> {
        let principal = self.principal.or_else(|| whose.one(caller).cloned())?;
        let id = self.id;
        Some(Key { principal, id })
    }
}

/// The token of the page that follows a transfer.
pub(in crate::rpc) fn token(last: &Key, whose: &Whose) -> String {
    match whose {
        Whose::All => format!("{}/{}", last.id, last.principal),
        Whose::Own | Whose::One(_) => last.id.as_str().to_owned(),
    }
}

/// Which transfers a request is about.
#[derive(Debug)]
pub(in crate::rpc) struct Filter {
    states: Vec<proto::TransferState>,
    prefix: Option<TransferId>,
    labels: Labels,
}

impl Filter {
    fn read(
        fields: &mut Fields,
        numbers: Vec<i32>,
        prefix: String,
        labels: HashMap<String, String>,
    ) -> Option<Self> {
        let mut states = Some(Vec::new());
        for (at, number) in numbers.into_iter().enumerate() {
            let field = format!("states[{at}]");
            let state = match fields.choice(&field, number) {
                Some(proto::TransferState::Unspecified) => {
                    fields.refuse(&field, "is not specified")
                }
                state => state,
            };
            states = states.zip(state).map(|(mut states, state)| {
                states.push(state);
                states
            });
        }
        let prefix = match prefix {
            prefix if prefix.is_empty() => Some(None),
            prefix => fields.transfer("transfer_id_prefix", prefix).map(Some),
        };
        let labels = fields.labels("labels", labels);
        Some(Self {
            states: states?,
            prefix: prefix?,
            labels: labels?,
        })
    }

    /// Whether a transfer is one of them.
    pub(in crate::rpc) fn takes(&self, record: &Record) -> bool {
        let state = proto::TransferState::from(&record.state);
        let id = record.key.id.as_str();
        let begins = |prefix: &TransferId| id.starts_with(prefix.as_str());
        (self.states.is_empty() || self.states.contains(&state))
            && self.prefix.as_ref().is_none_or(begins)
            && record.wish.terms.labels.have(&self.labels)
    }
}

impl Fields {
    fn transfer(&mut self, field: &str, id: String) -> Option<TransferId> {
        TransferId::new(id).or_else(|| {
            let rule = "is not 1 to 128 of A-Z a-z 0-9 . _ -, beginning with another than a dot";
            self.refuse(field, rule)
        })
    }

    /// A page token: the id of a transfer, with its principal in a list of all.
    fn behind(&mut self, token: String, all: bool) -> Option<Behind> {
        if !all {
            let id = self.transfer("page_token", token)?;
            return Some(Behind {
                id,
                principal: None,
            });
        }
        let Some((id, principal)) = token.split_once('/') else {
            return self.refuse("page_token", "is not one of a list of all");
        };
        let id = self.transfer("page_token", id.to_owned())?;
        let principal = self.named("page_token", principal.to_owned())?;
        Some(Behind {
            id,
            principal: Some(Principal::new(principal)),
        })
    }
}
