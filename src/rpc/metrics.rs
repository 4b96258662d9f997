//! Counts of calls, under the names that gRPC servers commonly use.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use metrics::{counter, describe_counter, describe_histogram, histogram};
use prost::Message;
use prost_types::FileDescriptorSet;
use tokio::time::Instant;
use tonic::Status;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic_types::StatusExt;
use tower::{Layer, Service};

use super::call::ServiceFuture;
use super::{reason, status};
use crate::modem::clock;
use crate::proto::{FILE_DESCRIPTOR_SET, Reason};

/// Registers what each name means.
pub fn describe() {
    describe_counter!("grpc_server_started_total", "Calls that began");
    describe_counter!(
        "grpc_server_handled_total",
        "Calls that ended, by status code"
    );
    describe_counter!(
        "cellftpd_call_failures_total",
        "Calls that ended with an error, by the reason that their callers got"
    );
    for reason in FREQUENT {
        let reason = reason::name(reason);
        counter!("cellftpd_call_failures_total", "reason" => reason).absolute(0);
    }
    describe_histogram!(
        "grpc_server_handling_seconds",
        "From the beginning of a call to its end"
    );
}

/// Reasons that are counted from zero on, since alerts ask for their rates.
const FREQUENT: [Reason; 4] = [
    Reason::QueueFull,
    Reason::LoginRefused,
    Reason::SpoolFull,
    Reason::DataBudget,
];

/// The reason of an error that has none: it is of the transport, or its caller left.
const NONE: &str = "NONE";

/// Counts the calls of the services that it wraps.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    methods: Arc<Methods>,
}

/// The methods of the contract by their paths. All other paths are counted as one, since a caller can send any.
#[derive(Debug)]
struct Methods(HashMap<String, Method>);

#[derive(Debug, Clone)]
struct Method {
    form: &'static str,
    service: String,
    name: String,
}

impl Counting {
    pub(super) fn new() -> Self {
        let sets = [
            FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        Self {
            methods: Arc::new(Methods::of(&sets)),
        }
    }
}

impl Methods {
    fn of(sets: &[&[u8]]) -> Self {
        let mut methods = HashMap::new();
        // They come from this project and its crates. Reflection refuses to start where one is broken.
        let sets = sets
            .iter()
            .filter_map(|set| FileDescriptorSet::decode(*set).ok());
        for file in sets.flat_map(|set| set.file) {
            for service in &file.service {
                let service_name = format!("{}.{}", file.package(), service.name());
                for method in &service.method {
                    let form = match (method.client_streaming(), method.server_streaming()) {
                        (false, false) => "unary",
                        (true, false) => "client_stream",
                        (false, true) => "server_stream",
                        (true, true) => "bidi_stream",
                    };
                    let path = format!("/{service_name}/{}", method.name());
                    let method = Method {
                        form,
                        service: service_name.clone(),
                        name: method.name().into(),
                    };
                    methods.insert(path, method);
                }
            }
        }
        Self(methods)
    }

    fn at(&self, path: &str) -> Method {
        self.0.get(path).cloned().unwrap_or_else(|| Method {
            form: "unknown",
            service: "unknown".into(),
            name: "unknown".into(),
        })
    }
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            methods: Arc::clone(&self.methods),
        }
    }
}

/// A service whose calls are counted.
#[derive(Debug, Clone)]
pub(super) struct Counted<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
{
    type Response = Response<CountedBody<A>>;
    type Error = S::Error;
    type Future = ServiceFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut call = Call::begin(self.methods.at(request.uri().path()));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            call.look(response.headers());
            Ok(response.map(|inner| CountedBody { inner, call }))
        })
    }
}

/// An answer that is counted at its end, since the status of a stream comes last.
#[derive(Debug)]
pub(super) struct CountedBody<A> {
    inner: A,
    call: Call,
}

impl<A: Body + Unpin> Body for CountedBody<A> {
    type Data = A::Data;
    type Error = A::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<A::Data>, A::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.call.look(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A call that is counted when it ends: by its status, or as cancelled where its caller left first.
#[derive(Debug)]
struct Call {
    method: Method,
    began: Instant,
    code: &'static str,
    /// Why it failed.
    reason: Option<String>,
}

impl Call {
    fn begin(method: Method) -> Self {
        let labels = [
            ("grpc_type", method.form.to_owned()),
            ("grpc_service", method.service.clone()),
            ("grpc_method", method.name.clone()),
        ];
        counter!("grpc_server_started_total", &labels).increment(1);
        Self {
            method,
            began: clock::now(),
            code: status::CANCELLED,
            reason: None,
        }
    }

    fn look(&mut self, headers: &HeaderMap) {
        let Some(code) = headers.get("grpc-status") else {
            return;
        };
        self.code = status::code_name(code.as_bytes());
        // Every status of the daemon has a reason of its list.
        let info = Status::from_header_map(headers).and_then(|told| told.get_details_error_info());
        let reason = info.filter(|info| info.domain == status::DOMAIN);
        self.reason = reason.map(|info| info.reason);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let method = &self.method;
        let labels = [
            ("grpc_type", method.form.to_owned()),
            ("grpc_service", method.service.clone()),
            ("grpc_method", method.name.clone()),
        ];
        let took = clock::now().duration_since(self.began);
        histogram!("grpc_server_handling_seconds", &labels).record(took.as_secs_f64());
        let [form, service, name] = labels;
        let labels = [form, service, name, ("grpc_code", self.code.to_owned())];
        counter!("grpc_server_handled_total", &labels).increment(1);
        if self.code != status::OK {
            let reason = self.reason.take().unwrap_or_else(|| NONE.into());
            counter!("cellftpd_call_failures_total", "reason" => reason).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_the_contract_have_names_and_others_one() {
        let Counting { methods } = Counting::new();
        let put = methods.at("/cellftp.v1.FtpsService/Put");
        assert_eq!(
            (put.form, put.service.as_str(), put.name.as_str()),
            ("bidi_stream", "cellftp.v1.FtpsService", "Put")
        );
        let watch = methods.at("/grpc.health.v1.Health/Watch");
        assert_eq!(watch.form, "server_stream");
        assert_eq!(methods.at("/x/y").name, "unknown");
    }
}
