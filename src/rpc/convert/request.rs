//! Requests to values. A request is read whole: every field that breaks a rule is named, not the
//! first alone.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tonic_types::FieldViolation;

use super::options;

use crate::broker::catalogue::SessionRequest;
use crate::broker::flow::get::{Guards, Wanted};
use crate::broker::flow::many::PATHS;
use crate::broker::flow::put::{PutFilesHeader, PutHeader};
use crate::broker::terms::RequestId;
use crate::broker::terms::Verify;
use crate::broker::terms::{Priority, Yields};
use crate::broker::terms::{ServerChoice, SessionId, Target, Whose};
use crate::modem::JobId;
use crate::proto;
use crate::rpc::limits::CHUNK;
use simcom_talk::dialogue::operation::Growth;
use simcom_talk::ftps::value::{
    Host, NameCode, Offset, Password, RemotePath, Server, ServerType, TransferType, Username,
    ValueError,
};

/// Longest name of a profile, a session or an operation, in bytes: as of a transfer. Those of sessions
/// and operations have 36.
const MAX_NAME: usize = 128;

/// Longest span of time of Protocol Buffers, about 10,000 years (duration.proto).
const MAX_SECONDS: u64 = 315_576_000_000;

/// Most sessions that one watcher keeps: as many as a client may have by default.
const MAX_SESSIONS: usize = 256;

/// Collects the fields that break a rule, while a request is read.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Fields {
    violations: Vec<FieldViolation>,
}

/// A request that is not served, with every reason.
#[derive(Debug)]
pub(in crate::rpc) struct Invalid(pub(in crate::rpc) Vec<FieldViolation>);

impl Fields {
    pub(super) fn refuse<T>(&mut self, field: &str, rule: impl Into<String>) -> Option<T> {
        self.violations.push(FieldViolation::new(field, rule));
        None
    }

    pub(super) fn check<T>(&mut self, field: &str, value: Result<T, ValueError>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => self.refuse(field, error.to_string()),
        }
    }

    /// The value, where nothing was refused.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(Invalid(self.violations)),
        }
    }

    pub(super) fn target(&mut self, field: &str, target: Option<proto::Target>) -> Option<Target> {
        use proto::target::Destination;
        match target.and_then(|target| target.destination) {
            Some(Destination::Profile(name)) => self
                .named(&format!("{field}.profile"), name)
                .map(Target::Profile),
            Some(Destination::SessionId(id)) => self
                .named(&format!("{field}.session_id"), id)
                .map(|id| Target::Session(SessionId::new(id))),
            Some(Destination::InlineServer(server)) => {
                let field = format!("{field}.inline_server");
                let code = self.code(&field, &server.name_encoding);
                let server = self.server(&field, server);
                Some(Target::Inline(server?, code?))
            }
            None => self.refuse(field, "names no profile, session or server"),
        }
    }

    pub(super) fn named(&mut self, field: &str, name: String) -> Option<String> {
        if name.is_empty() {
            return self.refuse(field, "is empty");
        }
        if name.len() > MAX_NAME {
            let rule = format!("has {} bytes, at most {MAX_NAME} are allowed", name.len());
            return self.refuse(field, rule);
        }
        Some(name)
    }

    fn server(&mut self, field: &str, server: proto::InlineServer) -> Option<Arc<Server>> {
        let server_type = match server.security() {
            proto::Security::None => Some(ServerType::Ftp),
            proto::Security::AuthSsl => Some(ServerType::AuthSsl),
            proto::Security::AuthTls => Some(ServerType::AuthTls),
            proto::Security::Implicit => Some(ServerType::Implicit),
            proto::Security::Unspecified => self.refuse(
                &format!("{field}.security"),
                "is not specified; none, AUTH SSL, AUTH TLS and implicit TLS are different ports \
                 and risks, so there is no default",
            ),
        };
        let port = match (server.port, server_type) {
            (0, Some(server_type)) => Some(server_type.default_port()),
            (0, None) => None,
            (port, _) => u16::try_from(port)
                .ok()
                .and_then(NonZeroU16::new)
                .or_else(|| {
                    self.refuse(
                        &format!("{field}.port"),
                        format!("is {port}, the range is 1 to 65535"),
                    )
                }),
        };
        let single_ip = self
            .choice(
                &format!("{field}.data_address_mode"),
                server.data_address_mode,
            )
            .map(|mode| match mode {
                proto::DataAddressMode::FromReply => false,
                // Most servers stand behind address translation (SIMCom manual L1216).
                proto::DataAddressMode::Unspecified | proto::DataAddressMode::SameAsControl => true,
            });
        let tls = server_type.and_then(|server_type| self.tls(field, &server, server_type));
        let host = self.check(&format!("{field}.host"), Host::new(server.host));
        let username = self.check(&format!("{field}.username"), Username::new(server.username));
        let password = self.check(&format!("{field}.password"), Password::new(server.password));
        Some(Arc::new(Server {
            host: host?,
            port: port?,
            username: username?,
            password: password?,
            server_type: server_type?,
            single_ip: single_ip?,
            tls: tls?,
        }))
    }

    /// The code of a server's names; UTF-8 where none is named.
    fn code(&mut self, field: &str, label: &str) -> Option<NameCode> {
        if label.is_empty() {
            return Some(NameCode::default());
        }
        NameCode::new(label).or_else(|| {
            self.refuse(
                &format!("{field}.name_encoding"),
                "is no code that is known and has ASCII in it, as utf-8, latin1 or shift_jis",
            )
        })
    }

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

    pub(super) fn choice<T: TryFrom<i32>>(&mut self, field: &str, number: i32) -> Option<T> {
        T::try_from(number)
            .ok()
            .or_else(|| self.refuse(field, format!("is {number}, which has no meaning here")))
    }

    /// `Some(None)` where it is not specified.
    pub(super) fn priority(&mut self, field: &str, number: i32) -> Option<Option<Priority>> {
        Some(match self.choice(field, number)? {
            proto::Priority::Unspecified => None,
            proto::Priority::Interactive => Some(Priority::Interactive),
            proto::Priority::Normal => Some(Priority::Normal),
            proto::Priority::Bulk => Some(Priority::Bulk),
        })
    }

    /// `Some(None)` where it is not specified.
    fn yields(&mut self, field: &str, number: i32) -> Option<Option<Yields>> {
        Some(match self.choice(field, number)? {
            proto::YieldPolicy::Unspecified => None,
            proto::YieldPolicy::Auto => Some(Yields::Auto),
            proto::YieldPolicy::Always => Some(Yields::Always),
            proto::YieldPolicy::Never => Some(Yields::Never),
        })
    }

    pub(super) fn growth(&mut self, field: &str, number: i32) -> Option<Growth> {
        Some(match self.choice(field, number)? {
            proto::Growth::Unspecified | proto::Growth::FirstSize => Growth::FirstSize,
            proto::Growth::All => Growth::All,
        })
    }

    /// `Some(None)` where it is not specified.
    pub(super) fn verify(&mut self, field: &str, number: i32) -> Option<Option<Verify>> {
        Some(match self.choice(field, number)? {
            proto::Verify::Unspecified => None,
            proto::Verify::Size => Some(Verify::Size),
            proto::Verify::ReadBack => Some(Verify::ReadBack),
            proto::Verify::None => Some(Verify::Nothing),
            proto::Verify::BestEffort => Some(Verify::BestEffort),
        })
    }

    /// Whether a file must be new, where nothing else can be asked.
    pub(super) fn must_be_new(&mut self, field: &str, number: i32) -> Option<bool> {
        Some(match self.choice(field, number)? {
            proto::IfExists::Unspecified | proto::IfExists::Overwrite => false,
            proto::IfExists::Fail => true,
            proto::IfExists::SkipSame => {
                return self.refuse(field, "SKIP_SAME is for Put alone");
            }
        })
    }

    /// How many a page may have: `most` where nothing is said, and where more is.
    pub(super) fn page_size(&mut self, asked: i32, most: usize) -> Option<usize> {
        match usize::try_from(asked) {
            Ok(0) => Some(most),
            Ok(size) => Some(size.min(most)),
            Err(_) => self.refuse("page_size", "is less than 0"),
        }
    }

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

    /// A span of time that Protocol Buffers allow and that is not less than 0. The conversion of
    /// `prost_types` carries nanoseconds over, and panics at the smallest number of seconds.
    pub(super) fn span(&mut self, field: &str, span: prost_types::Duration) -> Option<Duration> {
        let seconds = u64::try_from(span.seconds).ok();
        let nanos = u32::try_from(span.nanos).ok();
        match seconds.zip(nanos) {
            Some((seconds @ ..=MAX_SECONDS, nanos @ ..1_000_000_000)) => {
                Some(Duration::new(seconds, nanos))
            }
            _ => self.refuse(
                field,
                format!("is not between 0 and {MAX_SECONDS} s, with less than a second in nanos"),
            ),
        }
    }

    pub(super) fn count(&mut self, field: &str, number: i64) -> Option<u64> {
        u64::try_from(number)
            .ok()
            .or_else(|| self.refuse(field, format!("is {number}, less than 0")))
    }
}

/// Two parts of a request, or every field of both that breaks a rule.
pub(in crate::rpc) fn both<A, B>(
    one: Result<A, Invalid>,
    other: Result<B, Invalid>,
) -> Result<(A, B), Invalid> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => {
            let mut violations = one.err().map_or_else(Vec::new, |Invalid(fields)| fields);
            violations.extend(other.err().into_iter().flat_map(|Invalid(fields)| fields));
            Err(Invalid(violations))
        }
    }
}

/// A path in text and in bytes: one of the two.
pub(in crate::rpc) type Given = (String, Bytes);

/// A target and a path on it, as most requests have them.
pub(in crate::rpc) fn place(
    target: Option<proto::Target>,
    path: Given,
) -> Result<(Target, RemotePath), Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", target);
    let path = fields.path("path", path);
    fields.finish(target.zip(path))
}

/// A target and a path on it that may be left out.
pub(in crate::rpc) fn place_to_list(
    request: proto::ListRequest,
) -> Result<(Target, Option<RemotePath>), Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", request.target);
    let path = fields.optional_path("path", (request.path, request.raw_path));
    fields.finish(target.zip(path))
}

/// A tree to go through.
#[derive(Debug)]
pub(in crate::rpc) struct WalkWish {
    pub(in crate::rpc) target: Target,
    pub(in crate::rpc) path: Option<RemotePath>,
    /// Directories in one another below the first; `None`: all.
    pub(in crate::rpc) max_depth: Option<usize>,
}

pub(in crate::rpc) fn walk(request: proto::WalkRequest) -> Result<WalkWish, Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("target", request.target);
    let path = fields.optional_path("path", (request.path, request.raw_path));
    let max_depth = match usize::try_from(request.max_depth) {
        Ok(0) => Some(None),
        Ok(levels) => Some(Some(levels - 1)),
        Err(_) => fields.refuse("max_depth", "is less than 0"),
    };
    let wish = (|| {
        Some(WalkWish {
            target: target?,
            path: path?,
            max_depth: max_depth?,
        })
    })();
    fields.finish(wish)
}

/// How a transfer behaves beside others, where its caller says.
pub(in crate::rpc) type Manners = (Option<Priority>, Option<Yields>);

/// A file to read.
#[derive(Debug)]
pub(in crate::rpc) struct GetWish {
    pub(in crate::rpc) target: Target,
    pub(in crate::rpc) wanted: Wanted,
    pub(in crate::rpc) manners: Manners,
}

/// Most bytes of a tail, as the contract says.
const TAIL: usize = 512;

pub(in crate::rpc) fn get(request: proto::GetRequest) -> Result<GetWish, Invalid> {
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
    let sha256 = sha256(&mut fields, "sha256", &request.sha256);
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
        Some(GetWish {
            target: target?,
            wanted: Wanted {
                path: path?,
                offset: offset?,
                length: length.map(|length| (length > 0).then_some(length))?,
                guards,
                growth: growth?,
            },
            manners: (priority?, yields?),
        })
    })();
    fields.finish(read)
}

pub(in crate::rpc) fn open_session(
    request: proto::OpenSessionRequest,
) -> Result<SessionRequest, Invalid> {
    use proto::open_session_request::Destination;
    let mut fields = Fields::default();
    let server = match request.destination {
        Some(Destination::Profile(name)) => {
            fields.named("profile", name).map(ServerChoice::Profile)
        }
        Some(Destination::InlineServer(server)) => {
            let code = fields.code("inline_server", &server.name_encoding);
            let server = fields.server("inline_server", server);
            let server = server.zip(code);
            server.map(|(server, code)| ServerChoice::Inline(server, code))
        }
        None => fields.refuse("destination", "names no profile or server"),
    };
    let directory = fields.optional_path("directory", (request.directory, request.raw_directory));
    let transfer_type = fields
        .choice("transfer_type", request.transfer_type)
        .map(|choice| transfer_type(choice).unwrap_or_default());
    let lease = match request.lease {
        None => Some(None),
        Some(lease) => fields.span("lease", lease).map(Some),
    };
    let request = (|| {
        Some(SessionRequest {
            server: server?,
            directory: directory?,
            transfer_type: transfer_type?,
            lease: lease?,
        })
    })();
    fields.finish(request)
}

pub(in crate::rpc) fn session(id: String) -> Result<SessionId, Invalid> {
    let mut fields = Fields::default();
    let id = fields.named("session_id", id);
    fields.finish(id.map(SessionId::new))
}

pub(in crate::rpc) fn sessions(ids: Vec<String>) -> Result<Vec<SessionId>, Invalid> {
    let mut fields = Fields::default();
    if ids.len() > MAX_SESSIONS {
        let rule = format!("has {}, at most {MAX_SESSIONS} are allowed", ids.len());
        let none = fields.refuse("session_ids", rule);
        return fields.finish(none);
    }
    let ids = ids.into_iter().enumerate();
    let ids: Vec<_> = ids
        .filter_map(|(at, id)| fields.named(&format!("session_ids[{at}]"), id))
        .map(SessionId::new)
        .collect();
    fields.finish(Some(ids))
}

pub(in crate::rpc) fn change_directory(
    request: proto::ChangeDirectoryRequest,
) -> Result<(SessionId, RemotePath), Invalid> {
    let mut fields = Fields::default();
    let id = fields
        .named("session_id", request.session_id)
        .map(SessionId::new);
    let path = fields.path("path", (request.path, request.raw_path));
    fields.finish(id.zip(path))
}

pub(in crate::rpc) fn set_transfer_type(
    request: proto::SetTransferTypeRequest,
) -> Result<(SessionId, TransferType), Invalid> {
    let mut fields = Fields::default();
    let id = fields
        .named("session_id", request.session_id)
        .map(SessionId::new);
    let to = fields
        .choice("transfer_type", request.transfer_type)
        .and_then(|choice| {
            transfer_type(choice).or_else(|| fields.refuse("transfer_type", "is not specified"))
        });
    fields.finish(id.zip(to))
}

/// A part of a list: so many behind what was told last.
#[derive(Debug, Clone, Copy)]
pub(in crate::rpc) struct Page<T> {
    pub(in crate::rpc) behind: Option<T>,
    pub(in crate::rpc) size: usize,
}

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

/// Most profiles, or sessions, in one answer.
const NAMES: usize = 200;

pub(in crate::rpc) fn profiles(
    request: proto::ListProfilesRequest,
) -> Result<Page<String>, Invalid> {
    page_of_names(request.page_size, request.page_token)
}

pub(in crate::rpc) fn open_sessions(
    request: proto::ListSessionsRequest,
) -> Result<(Page<String>, Whose), Invalid> {
    let page = page_of_names(request.page_size, request.page_token);
    both(page, options::whose(request.principal))
}

/// A page of what is in the order of names.
fn page_of_names(page_size: i32, page_token: String) -> Result<Page<String>, Invalid> {
    let mut fields = Fields::default();
    let size = fields.page_size(page_size, NAMES);
    let behind = match page_token {
        token if token.is_empty() => Some(None),
        token => fields.named("page_token", token).map(Some),
    };
    fields.finish(size.zip(behind).map(|(size, behind)| Page { behind, size }))
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

/// Which operation is looked for, and whose it is.
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

/// A file to write.
#[derive(Debug)]
pub(in crate::rpc) struct PutWish {
    pub(in crate::rpc) header: PutHeader,
    /// Nothing is sent where a file of so many bytes is there.
    pub(in crate::rpc) unless_size: Option<u64>,
    pub(in crate::rpc) sha256: Option<[u8; 32]>,
    pub(in crate::rpc) manners: Manners,
}

pub(in crate::rpc) fn put_header(header: proto::PutHeader) -> Result<PutWish, Invalid> {
    let mut fields = Fields::default();
    let target = fields.target("header.target", header.target);
    let path = fields.path("header.path", (header.path, header.raw_path));
    let if_exists: Option<proto::IfExists> = fields.choice("header.if_exists", header.if_exists);
    let must_be_new = if_exists.map(|choice| matches!(choice, proto::IfExists::Fail));
    let skips = matches!(if_exists, Some(proto::IfExists::SkipSame));
    let verify = fields.verify("header.verify", header.verify);
    let delete_on_failure = fields
        .choice("header.on_failure", header.on_failure)
        .map(|choice| !matches!(choice, proto::OnFailure::Keep));
    let size = match header.size {
        None if skips => fields.refuse("header.size", "is missing; SKIP_SAME compares it"),
        None => Some(None),
        Some(size) => fields.count("header.size", size).map(Some),
    };
    let sha256 = sha256(&mut fields, "header.sha256", &header.sha256);
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
        Some(PutWish {
            unless_size: header.size.filter(|_| skips),
            header,
            sha256: sha256?,
            manners: (priority?, yields?),
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
    let delete_on_failure = fields
        .choice("header.on_failure", header.on_failure)
        .map(|choice| !matches!(choice, proto::OnFailure::Keep));
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

/// The urgency that a request names beside all else.
pub(in crate::rpc) fn priority(number: i32) -> Result<Option<Priority>, Invalid> {
    let mut fields = Fields::default();
    let priority = fields.priority("priority", number);
    fields.finish(priority)
}

/// A small file: its path, its content, and the SHA-256 of that, where it is told.
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
    let sha256 = sha256(&mut fields, "file.sha256", &file.sha256);
    let file = (|| Some((path?, content?, sha256?)))();
    fields.finish(file)
}

/// A target and many paths on it: those in text, and behind them those in bytes.
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

pub(in crate::rpc) fn put_finish(finish: &proto::PutFinish) -> Result<Option<[u8; 32]>, Invalid> {
    let mut fields = Fields::default();
    let sha256 = sha256(&mut fields, "finish.sha256", &finish.sha256);
    fields.finish(sha256)
}

/// `Some(None)` where there is none.
pub(super) fn sha256(fields: &mut Fields, field: &str, bytes: &[u8]) -> Option<Option<[u8; 32]>> {
    if bytes.is_empty() {
        return Some(None);
    }
    match <[u8; 32]>::try_from(bytes) {
        Ok(hash) => Some(Some(hash)),
        Err(_) => fields.refuse(
            field,
            format!("is {} bytes long, a SHA-256 has 32", bytes.len()),
        ),
    }
}

fn transfer_type(choice: proto::TransferType) -> Option<TransferType> {
    match choice {
        proto::TransferType::Unspecified => None,
        proto::TransferType::Binary => Some(TransferType::Binary),
        proto::TransferType::Ascii => Some(TransferType::Ascii),
    }
}

/// The field that takes in bytes what this one takes in text: `header.raw_path` of `header.path`.
fn in_bytes(field: &str) -> String {
    match field.rsplit_once('.') {
        Some((message, name)) => format!("{message}.raw_{name}"),
        None => format!("raw_{field}"),
    }
}
