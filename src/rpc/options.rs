//! Requests that have call options, and their answers where the options ask for a check only.

use std::pin::Pin;

use prost::Message;
use sha2::{Digest, Sha256};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use super::convert::fields::Invalid;
use super::convert::options::{self, Asked};
use super::{call, status};
use crate::broker::terms::{Caller, Cause, Error, Named, Options};
use crate::proto;

/// A request, or the header of a stream, that has options.
pub(super) trait Optioned: Message + Sized {
    /// The name of the message, so that two kinds of requests are never taken for the same.
    const NAME: &'static str;
    /// The field that holds the options.
    const FIELD: &'static str;

    /// The options.
    fn options(&mut self) -> &mut Option<proto::CallOptions>;
}

/// An answer to such a request.
pub(super) trait Validated: Message + Default + Send + 'static {
    /// The field which says that the request was only checked.
    fn flag(&mut self) -> &mut bool;

    /// The answer where the request was only checked.
    fn validated() -> Self {
        let mut answer = Self::default();
        *answer.flag() = true;
        answer
    }
}

macro_rules! methods {
    ($($request:ident, $field:literal => $response:ident;)*) => {$(
        impl Optioned for proto::$request {
            const NAME: &'static str = stringify!($request);
            const FIELD: &'static str = $field;

            fn options(&mut self) -> &mut Option<proto::CallOptions> {
                &mut self.options
            }
        }

        impl Validated for proto::$response {
            fn flag(&mut self) -> &mut bool {
                &mut self.validated
            }
        }
    )*};
}

methods! {
    OpenSessionRequest, "options" => OpenSessionResponse;
    ChangeDirectoryRequest, "options" => ChangeDirectoryResponse;
    ListRequest, "options" => ListResponse;
    GetSizeRequest, "options" => GetSizeResponse;
    MakeDirectoryRequest, "options" => MakeDirectoryResponse;
    RemoveDirectoryRequest, "options" => RemoveDirectoryResponse;
    DeleteFileRequest, "options" => DeleteFileResponse;
    PutFilesHeader, "header.options" => PutFilesResponse;
    GetFilesRequest, "options" => GetFilesResponse;
    DeleteFilesRequest, "options" => DeleteFilesResponse;
    StatFilesRequest, "options" => StatFilesResponse;
    StatRequest, "options" => StatResponse;
    WalkRequest, "options" => WalkResponse;
    RemoveTreeRequest, "options" => RemoveTreeResponse;
    GetRequest, "options" => GetResponse;
    PutHeader, "header.options" => PutResponse;
    FetchToModuleRequest, "options" => FetchToModuleResponse;
    SendFromModuleRequest, "options" => SendFromModuleResponse;
    ListModuleFilesRequest, "options" => ListModuleFilesResponse;
    DeleteModuleFileRequest, "options" => DeleteModuleFileResponse;
    ReadModuleFileRequest, "options" => ReadModuleFileResponse;
    WriteModuleFileHeader, "header.options" => WriteModuleFileResponse;
    GetModuleSpaceRequest, "options" => GetModuleSpaceResponse;
    UploadHeader, "header.options" => CreateUploadResponse;
    CreateDownloadRequest, "options" => CreateDownloadResponse;
    StartFtpsRequest, "options" => StartFtpsResponse;
    StopFtpsRequest, "options" => StopFtpsResponse;
    ResetRequest, "options" => ResetResponse;
    GetDataAddressModeRequest, "options" => GetDataAddressModeResponse;
    SetDataAddressModeRequest, "options" => SetDataAddressModeResponse;
    ListCommandFormsRequest, "options" => ListCommandFormsResponse;
    SendAtCommandRequest, "options" => SendAtCommandResponse;
}

/// Who calls, and the call options.
#[derive(Debug)]
pub(super) struct Call {
    caller: Caller,
    options: Result<Options, Invalid>,
}

/// Reads a request that has options.
pub(super) fn read<T: Optioned>(request: Request<T>) -> Result<(Call, T), Status> {
    let caller = call::caller(&request)?;
    let mut message = request.into_inner();
    Ok((Call::new(caller, &mut message), message))
}

impl Call {
    /// Takes the options out of a message.
    pub(super) fn new<T: Optioned>(caller: Caller, message: &mut T) -> Self {
        let asked = options::options(T::FIELD, message.options().take());
        let options = asked.map(|asked| named(asked, message));
        Self { caller, options }
    }

    /// The caller with its options, and the rest of the request; or every field of both that breaks a rule.
    pub(super) fn with<W>(self, rest: Result<W, Invalid>) -> Result<(Caller, W), Status> {
        match (self.options, rest) {
            (Ok(options), Ok(rest)) => {
                let caller = Caller {
                    options,
                    ..self.caller
                };
                Ok((caller, rest))
            }
            (options, rest) => {
                let mut violations = rest.err().map_or_else(Vec::new, |Invalid(rest)| rest);
                violations.extend(options.err().into_iter().flat_map(|Invalid(own)| own));
                Err(status::invalid(Invalid(violations)))
            }
        }
    }
}

/// The options, with the fingerprint by which the same request is recognised: that of the message without its
/// options.
fn named<T: Optioned>(asked: Asked, message: &T) -> Options {
    let Asked {
        id,
        validate_only,
        labels,
    } = asked;
    let request = id.map(|id| {
        let mut hash = Sha256::new();
        hash.update(T::NAME);
        hash.update([0]);
        hash.update(message.encode_to_vec());
        Named {
            id,
            fingerprint: hash.finalize().into(),
        }
    });
    Options {
        labels,
        request,
        validate_only,
    }
}

/// What was begun; `None` where the request was only checked, and would be taken on.
pub(super) fn begun<T>(outcome: Result<T, Error>) -> Result<Option<T>, Status> {
    match outcome {
        Ok(begun) => Ok(Some(begun)),
        Err(error) if matches!(error.cause, Cause::OnlyValidated) => Ok(None),
        Err(error) => Err(status::of(&error)),
    }
}

/// The answers of a stream.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A stream of these answers.
pub(super) fn stream<T: Send + 'static>(answers: Vec<Result<T, Status>>) -> Response<Answers<T>> {
    Response::new(Box::pin(tokio_stream::iter(answers)))
}

/// The stream of a request that was only checked.
pub(super) fn validated<T: Validated>() -> Response<Answers<T>> {
    stream(vec![Ok(T::validated())])
}
