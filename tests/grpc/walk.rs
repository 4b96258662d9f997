//! Every method with every field of its request beyond its bounds. The descriptors of the contract
//! decide what is tried, so that a new method or field is tried as well.
//!
//! Above 400 lines because values beyond the bounds are made for each kind of field in one place.

use std::collections::BTreeSet;

use cellftp::proto::FILE_DESCRIPTOR_SET;
use prost::bytes::Bytes;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    MethodDescriptor, Value,
};
use tokio::time::timeout;
use tokio_stream::iter;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::house::{House, PATIENCE, kind};
use crate::wire::Wire;

/// Valid values for fields that must be set, by message and field or by field.
const GOOD: &[(&str, &str)] = &[
    ("ListModuleFilesRequest.directory", "F:"),
    ("DeleteModuleFileRequest.path", "F:/a"),
    ("ReadModuleFileRequest.path", "F:/a"),
    ("WriteModuleFileHeader.path", "F:/a"),
    ("path", "/a"),
    ("paths", "/a"),
    ("profile", "here"),
    ("session_id", "s"),
    ("operation_id", "o"),
    ("transfer_id", "t"),
    ("host", "127.0.0.1"),
    ("username", "u"),
    ("drive", "F:"),
    ("line", "AT+CSQ"),
];

/// The longest texts and bytes, in the same form. Any other field is a name, of at most [`NAME`] bytes.
const LONGEST: &[(&str, usize)] = &[
    ("ListModuleFilesRequest.directory", 254),
    ("DeleteModuleFileRequest.path", 254),
    ("ReadModuleFileRequest.path", 254),
    ("WriteModuleFileHeader.path", 254),
    ("path", 4096),
    ("paths", 4096),
    ("raw_paths", 4096),
    ("directory", 4096),
    ("sentinel", 4096),
    ("raw_path", 4096),
    ("raw_directory", 4096),
    ("raw_sentinel", 4096),
    ("host", 256),
    ("username", 256),
    ("password", 256),
    ("ca_certificate", 10_240),
    ("tail", 512),
    ("sha256", 32),
    ("line", 559),
];

/// Longest name of a profile, a session, an operation, a transfer, and longest page token.
const NAME: usize = 128;

/// Repeated fields, and the most values that each may have.
const MOST: &[(&str, usize)] = &[
    ("WatchEventsRequest.session_ids", 256),
    ("paths", 1000),
    ("raw_paths", 1000),
];

/// Fields for which no value is too large, and why.
const BOUNDLESS: &[(&str, &str)] = &[
    ("ListTransfersRequest.page_size", "cut to the largest page"),
    ("ListOperationsRequest.page_size", "cut to the largest page"),
    ("ListProfilesRequest.page_size", "cut to the largest page"),
    ("ListSessionsRequest.page_size", "cut to the largest page"),
    ("ListTransfersRequest.states", "as long as the message"),
    ("WatchTransfersRequest.states", "as long as the message"),
    ("GetRequest.if_size", "a file with another size is refused"),
    ("GetRequest.length", "a file ends where it ends"),
    ("WalkRequest.max_depth", "a tree ends where it ends"),
    ("PutHeader.size", "what comes is compared with it"),
    (
        "UploadHeader.size",
        "what the disk has no room for is SPOOL_FULL",
    ),
    (
        "ResumeHeader.offset",
        "what it must be is known: WRONG_OFFSET",
    ),
    (
        "ReadTransferRequest.offset",
        "what the file has is known: WRONG_OFFSET",
    ),
    ("PutRequest.chunk", "as long as the message"),
    ("PutFile.content", "as long as the message"),
    ("CreateUploadRequest.chunk", "as long as the message"),
    ("ResumeUploadRequest.chunk", "as long as the message"),
    ("WriteModuleFileRequest.chunk", "as long as the message"),
];

/// One value that a request may not have.
struct Wrong {
    /// What the refusal must name.
    field: String,
    /// In words.
    what: String,
    request: DynamicMessage,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_beyond_its_bounds_is_refused_by_name_and_the_module_hears_nothing() {
    let (wire, house) = wired().await;
    let channel = house.channel().await;
    let usual = question(&channel, &wire).await;
    assert!(usual.contains("AT"), "{usual:?}");
    let (mut tried, mut found, mut met) = (0, Vec::new(), BTreeSet::new());
    for method in methods() {
        let walk = Walk::of(&method, &mut met);
        for wrong in walk {
            tried += 1;
            let name = format!("{}: {} {}", method.full_name(), wrong.field, wrong.what);
            let requests = stream(&method, wrong.request);
            let status = match call(&channel, &method, requests, None).await {
                Err(status) => status,
                Ok(()) => {
                    found.push(format!("{name}: was carried out"));
                    continue;
                }
            };
            let named = status.get_details_bad_request().into_iter();
            let named = named.flat_map(|named| named.field_violations);
            let named: Vec<_> = named.map(|violation| violation.field).collect();
            if kind(&status) != (Code::InvalidArgument, "INVALID_FIELDS".into())
                || named != [wrong.field]
            {
                found.push(format!("{name}: names {named:?}, {status:?}"));
            }
        }
    }
    // Anything that had gone to the module would have gone there before this question.
    let heard = question(&channel, &wire).await;
    println!("{tried} values that no request may have");
    assert_eq!(found, Vec::<String>::new(), "{}", found.join("\n"));
    assert_eq!(heard, usual, "the module heard of what was refused");
    for (field, _) in BOUNDLESS {
        assert!(met.contains(*field), "{field} is not there any more");
    }
    assert!(tried > 300, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_not_known_stops_every_method_before_the_module_hears_of_it() {
    let (wire, house) = wired().await;
    let channel = house.channel().await;
    let usual = question(&channel, &wire).await;
    for method in methods() {
        let requests = stream(&method, good(&method.input()));
        let answer = call(&channel, &method, requests, Some("no_such_feature")).await;
        let status = answer.expect_err(method.full_name());
        let expected = (Code::Unimplemented, "FEATURE_UNKNOWN".into());
        assert_eq!(kind(&status), expected, "{}", method.full_name());
    }
    assert_eq!(question(&channel, &wire).await, usual);
}

/// A daemon on a line that records.
async fn wired() -> (Wire, House) {
    let wire = Wire::new();
    let module = "allow_at_commands = true\n";
    let more = "[transfers]\nallow_inline_servers = true\n";
    let house = House::at(wire.device(), module, more).await;
    // Bringing it up.
    wire.heard();
    (wire, house)
}

/// What the module hears until it has answered one valid question, which waits its turn.
pub(crate) async fn question(channel: &Channel, wire: &Wire) -> String {
    let method = methods()
        .into_iter()
        .find(|method| method.name() == "GetModuleSpace")
        .unwrap();
    let request = good(&method.input());
    call(channel, &method, vec![request], None).await.unwrap();
    wire.heard()
}

/// Every method of the contract.
pub(crate) fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let methods = pool.services().filter(|service| {
        let package = service.package_name();
        package == "cellftp.v1"
    });
    let methods: Vec<_> = methods
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    assert!(methods.len() > 30, "{}", methods.len());
    methods
}

/// The messages that a caller sends for this request: a header comes before `finish`.
fn stream(method: &MethodDescriptor, request: DynamicMessage) -> Vec<DynamicMessage> {
    if method.is_client_streaming() && !request.has_field_by_name("header") {
        vec![good(&method.input()), request]
    } else {
        vec![request]
    }
}

async fn call(
    channel: &Channel,
    method: &MethodDescriptor,
    requests: Vec<DynamicMessage>,
    guard: Option<&'static str>,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let service = method.parent_service().full_name();
    let path = PathAndQuery::try_from(format!("/{service}/{}", method.name())).unwrap();
    let mut request = Request::new(iter(requests));
    if let Some(guard) = guard {
        let guard = MetadataValue::from_static(guard);
        request.metadata_mut().insert("cellftp-require", guard);
    }
    // The answer does not matter here: all its fields are skipped.
    let codec = ProstCodec::<DynamicMessage, ()>::default();
    let answers = async {
        let mut answers = grpc.streaming(request, path, codec).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok(())
    };
    match timeout(PATIENCE, answers).await {
        Ok(answer) => answer,
        Err(_) => panic!("{} goes on and on", method.full_name()),
    }
}

/// A valid request, as far as the contract tells.
pub(crate) fn good(message: &MessageDescriptor) -> DynamicMessage {
    let mut request = DynamicMessage::new(message.clone());
    for field in message.fields() {
        let chosen = field.containing_oneof().is_none_or(|oneof| {
            let first = oneof.fields().next();
            !oneof.is_synthetic() && first.as_ref() == Some(&field)
        });
        if chosen && let Some(value) = good_value(&field) {
            request.set_field(&field, value);
        }
    }
    request
}

/// `None`: the field is left out.
fn good_value(field: &FieldDescriptor) -> Option<Value> {
    if field.is_list() && is_required(field) {
        return of(GOOD, field).map(|text| Value::List(vec![Value::String(text.into())]));
    }
    if field.is_list() || field.is_map() {
        return None;
    }
    match field.kind() {
        Kind::Message(message) if message.package_name() == "cellftp.v1" => {
            Some(Value::Message(good(&message)))
        }
        Kind::String => of(GOOD, field).map(|text| Value::String(text.into())),
        Kind::Enum(_) if is_required(field) => Some(Value::EnumNumber(1)),
        _ => None,
    }
}

/// Collects invalid values of a request.
struct Walk<'a> {
    /// A request that is valid except for one field.
    whole: DynamicMessage,
    /// Fields that were met and have no bound.
    met: &'a mut BTreeSet<String>,
    wrong: Vec<Wrong>,
}

impl<'a> Walk<'a> {
    fn of(method: &MethodDescriptor, met: &'a mut BTreeSet<String>) -> Vec<Wrong> {
        let mut walk = Self {
            whole: good(&method.input()),
            met,
            wrong: Vec::new(),
        };
        walk.message(&mut Vec::new(), &method.input());
        walk.wrong
    }

    fn message(&mut self, path: &mut Vec<FieldDescriptor>, message: &MessageDescriptor) {
        for field in message.fields() {
            path.push(field.clone());
            self.field(path, &field);
            path.pop();
        }
    }

    fn field(&mut self, path: &mut Vec<FieldDescriptor>, field: &FieldDescriptor) {
        let boundless = of(BOUNDLESS, field).is_some();
        if boundless {
            self.met.insert(full(field));
        }
        if field.is_map() {
            for (what, labels) in wrong_labels() {
                self.refused(path, "", &what, labels);
            }
            return;
        }
        if field.is_list() && !boundless {
            let most = of(MOST, field).unwrap_or_else(|| panic!("{}: how many?", full(field)));
            let too_many = vec![good_text(field); most + 1];
            self.refused(path, "", "too many", Value::List(too_many));
        }
        match field.kind() {
            Kind::Message(message) if message.full_name() == "google.protobuf.Duration" => {
                for (seconds, nanos) in DURATIONS {
                    let mut span = DynamicMessage::new(message.clone());
                    span.set_field_by_name("seconds", Value::I64(*seconds));
                    span.set_field_by_name("nanos", Value::I32(*nanos));
                    let what = format!("{seconds} s {nanos} ns");
                    self.refused(path, "", &what, Value::Message(span));
                }
                return;
            }
            Kind::Message(message) => {
                assert!(!field.is_list(), "{}: not known here", full(field));
                if is_required(field) {
                    let empty = Value::Message(DynamicMessage::new(message.clone()));
                    self.refused(path, "", "empty", empty);
                }
                self.message(path, &message);
                return;
            }
            _ => {}
        }
        let element = if field.is_list() { "[0]" } else { "" };
        for (what, value) in wrong_values(field, boundless) {
            let value = if field.is_list() {
                Value::List(vec![value])
            } else {
                value
            };
            self.refused(path, element, &what, value);
        }
    }

    fn refused(&mut self, path: &[FieldDescriptor], element: &str, what: &str, value: Value) {
        let names: Vec<_> = path.iter().map(FieldDescriptor::name).collect();
        let mut request = self.whole.clone();
        set(&mut request, path, value);
        self.wrong.push(Wrong {
            field: format!("{}{element}", names.join(".")),
            what: what.into(),
            request,
        });
    }
}

/// Maps that no request may have: all of them are labels.
fn wrong_labels() -> Vec<(String, Value)> {
    let map = |pairs: Vec<(String, String)>| {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (MapKey::String(key), Value::String(value)));
        Value::Map(pairs.collect())
    };
    let long = "a".repeat(64);
    let one = |key: &str, value: &str| map(vec![(key.into(), value.into())]);
    let many = (0..17).map(|at| (at.to_string(), String::new())).collect();
    vec![
        ("17 labels".into(), map(many)),
        ("no key".into(), one("", "a")),
        ("a key of 64 bytes".into(), one(&long, "a")),
        ("a key in capitals".into(), one("A", "a")),
        ("a value of 64 bytes".into(), one("a", &long)),
        ("a value of two lines".into(), one("a", "a\nb")),
    ]
}

/// Durations that no request may have, in seconds and nanoseconds. The longest of Protocol Buffers is
/// 315,576,000,000 s.
const DURATIONS: &[(i64, i32)] = &[
    (-1, 0),
    (0, -1),
    (1, -1),
    (i64::MIN, 0),
    (i64::MAX, 0),
    (315_576_000_001, 0),
    (1, 1_000_000_000),
    (1, i32::MAX),
];

fn wrong_values(field: &FieldDescriptor, boundless: bool) -> Vec<(String, Value)> {
    let longest = of(LONGEST, field).unwrap_or(NAME);
    let mut wrong: Vec<Value> = match field.kind() {
        Kind::String if is_required(field) => {
            vec![long_text(field, longest + 1), Value::String(String::new())]
        }
        Kind::String => vec![long_text(field, longest + 1)],
        Kind::Bytes if boundless => vec![],
        Kind::Bytes => vec![Value::Bytes(Bytes::from(vec![b'a'; longest + 1]))],
        Kind::Enum(_) => [-1, 99, i32::MAX, i32::MIN].map(Value::EnumNumber).into(),
        Kind::Int32 => [-1, i32::MIN].map(Value::I32).into(),
        Kind::Int64 => [-1, i64::MIN].map(Value::I64).into(),
        Kind::Uint32 => vec![],
        Kind::Bool => vec![],
        other => panic!("{}: {other:?} is not known here", full(field)),
    };
    match field.kind() {
        Kind::Enum(_) if field.is_list() || is_required(field) => {
            wrong.push(Value::EnumNumber(0));
        }
        Kind::Int32 if !boundless => wrong.push(Value::I32(i32::MAX)),
        // Positions in a file of the module end at 2147483647.
        Kind::Int64 if !boundless => wrong.extend([1 << 31, i64::MAX].map(Value::I64)),
        // The only one is a port.
        Kind::Uint32 => wrong.extend([65_536, u32::MAX].map(Value::U32)),
        // A path on a server whose name was lost somewhere.
        Kind::String if in_bytes(field).is_some() => {
            wrong.push(Value::String("a\u{FFFD}".into()));
        }
        Kind::Bytes if in_text(field).is_some() => {
            wrong.push(Value::Bytes(Bytes::from_static(b"\xE9\"\r")));
        }
        Kind::Bytes if field.name() == "sha256" => {
            wrong.push(Value::Bytes(Bytes::from_static(&[0; 31])));
        }
        _ => {}
    }
    let named = wrong.into_iter().map(|value| {
        let mut what = format!("{value:?}");
        what.truncate(30);
        (what, value)
    });
    named.collect()
}

/// It begins like a valid one, so that only its length is wrong.
fn long_text(field: &FieldDescriptor, length: usize) -> Value {
    let mut text = of(GOOD, field).unwrap_or_default().to_owned();
    if text == "F:" {
        text.push('/');
    }
    text.extend(std::iter::repeat_n('a', length - text.len()));
    Value::String(text)
}

fn good_text(field: &FieldDescriptor) -> Value {
    if field.kind() == Kind::Bytes {
        return Value::Bytes(Bytes::from_static(b"s"));
    }
    assert_eq!(field.kind(), Kind::String, "{}", full(field));
    Value::String("s".into())
}

/// The field that takes the same path in bytes.
fn in_bytes(field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let name = format!("raw_{}", field.name());
    field.parent_message().get_field_by_name(&name)
}

/// The field that takes the same path in text.
fn in_text(field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let name = field.name().strip_prefix("raw_")?;
    field.parent_message().get_field_by_name(name)
}

/// Sets a field within messages. Missing messages are created with valid values.
fn set(message: &mut DynamicMessage, path: &[FieldDescriptor], value: Value) {
    let (field, rest) = path.split_first().unwrap();
    if rest.is_empty() {
        if let Some(text) = in_text(field) {
            message.clear_field(&text);
        }
        return message.set_field(field, value);
    }
    if !message.has_field(field) {
        let inner = good_value(field).unwrap();
        message.set_field(field, inner);
    }
    let inner = message.get_field_mut(field).as_message_mut().unwrap();
    set(inner, rest, value);
}

/// Whether the comment at a field says that it must be set.
fn is_required(field: &FieldDescriptor) -> bool {
    let file = field.parent_file();
    let places = &file.file_descriptor_proto().source_code_info;
    let mut places = places.iter().flat_map(|info| &info.location);
    let place = places.find(|place| place.path == field.path());
    place.is_some_and(|place| {
        place
            .leading_comments()
            .trim_start()
            .starts_with("Required")
    })
}

/// The row of a field in a table, by message and field or by field alone.
fn of<T: Copy>(table: &[(&str, T)], field: &FieldDescriptor) -> Option<T> {
    let name = full(field);
    let row = table
        .iter()
        .find(|(key, _)| *key == name)
        .or_else(|| table.iter().find(|(key, _)| *key == field.name()));
    row.map(|(_, value)| *value)
}

/// `Message.field`.
fn full(field: &FieldDescriptor) -> String {
    format!("{}.{}", field.parent_message().name(), field.name())
}
