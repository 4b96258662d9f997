//! How many calls a client may have at once, and the bounds of what each of them sends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use tonic::Status;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::bounded_body::{BoundedBody, MessageForm, MessageMemory};
use super::call::ServiceFuture;
use super::connection_info::{ConnectionInfo, Running};
use super::limits::{FILES, LONG_ANSWERS, Limits, MANY, TREES, WATCHES, WATCHES_OF_ALL};
use super::status;
use crate::broker::terms::share::{Place, Places, Share};

/// Lets a call begin unless there are too many, in all or of its client.
#[derive(Debug, Clone)]
pub(super) struct CallLimits {
    calls: Arc<Places>,
    /// Places for methods that cost more than others.
    costly: [(&'static [&'static str], Arc<Places>); 6],
    messages: Arc<MessageMemory>,
}

impl CallLimits {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            calls: Arc::new(Places::new(limits.calls)),
            costly: COSTLY.map(|(methods, share)| (methods, Arc::new(Places::new(share)))),
            messages: Arc::new(MessageMemory::new(limits.messages)),
        }
    }

    fn enter(&self, info: &ConnectionInfo, path: &str) -> Result<CallPlaces, Status> {
        if let Some(full) = info.turned_away() {
            return Err(status::too_many_connections(full.own));
        }
        let take = |places: &Arc<Places>| {
            let place = places.take(info.principal());
            place.map_err(|full| status::too_many_calls(full.own))
        };
        let method = path.rsplit('/').next().unwrap_or_default();
        let mut costly = self.costly.iter();
        let costly = costly.find(|(methods, _)| methods.contains(&method));
        let places = [
            Some(take(&self.calls)?),
            costly.map(|(_, places)| take(places)).transpose()?,
        ];
        Ok(CallPlaces {
            _places: places,
            _running: info.call(),
        })
    }
}

/// Methods of which fewer calls may run at once: those with long answers, with an open file, with a watch of
/// one transfer, with a watch of all transfers, with many results, and with a tree in memory.
const COSTLY: [(&[&str], Share); 6] = [
    (
        &[
            "ListCommandForms",
            "ListModuleFiles",
            "ListOperations",
            "ListProfiles",
            "ListSessions",
            "ListTransfers",
            "ServerReflectionInfo",
        ],
        LONG_ANSWERS,
    ),
    (&["CreateUpload", "ReadTransfer", "ResumeUpload"], FILES),
    (&["WatchTransfer"], WATCHES),
    (&["WatchTransfers"], WATCHES_OF_ALL),
    (&["DeleteFiles", "GetFiles", "PutFiles", "StatFiles"], MANY),
    (&["RemoveTree", "Walk"], TREES),
];

/// What a call holds while it runs.
#[derive(Debug)]
struct CallPlaces {
    _places: [Option<Place>; 2],
    _running: Running,
}

impl<S> Layer<S> for CallLimits {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited {
            inner,
            limits: self.clone(),
        }
    }
}

/// A service whose calls are counted.
#[derive(Debug, Clone)]
pub(super) struct Limited<S> {
    inner: S,
    limits: CallLimits,
}

impl<S, A> Service<Request<tonic::body::Body>> for Limited<S>
where
    S: Service<Request<tonic::body::Body>, Response = Response<A>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: Default + Send + 'static,
{
    type Response = Response<Answer<A>>;
    type Error = S::Error;
    type Future = ServiceFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        // Every connection has it.
        let Some(info) = request.extensions().get::<ConnectionInfo>().cloned() else {
            let status = status::no_identity("the system does not tell who is calling");
            return Box::pin(async move { Ok(status.into_http()) });
        };
        let held = match self.limits.enter(&info, request.uri().path()) {
            Ok(held) => held,
            Err(status) => return Box::pin(async move { Ok(status.into_http()) }),
        };
        let form = MessageForm::of(request.uri().path());
        let account = self.limits.messages.of(info.principal());
        let request =
            request.map(|body| tonic::body::Body::new(BoundedBody::new(body, form, account)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            status::tell_malformed(response.headers_mut());
            Ok(response.map(|inner| Answer {
                inner,
                _held: Some(held),
            }))
        })
    }
}

/// An answer. The call counts until the answer ends.
#[derive(Debug, Default)]
pub(super) struct Answer<A> {
    inner: A,
    _held: Option<CallPlaces>,
}

impl<A: Body + Unpin> Body for Answer<A> {
    type Data = A::Data;
    type Error = A::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<A::Data>, A::Error>>> {
        let mut frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            status::tell_malformed(trailers);
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

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;
    use crate::rpc::peer::Peer;

    /// A method that was renamed lost its bound.
    #[test]
    fn what_is_bounded_by_its_name_is_a_method() {
        let sets = [
            crate::proto::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        ];
        let sets = sets.map(|set| FileDescriptorSet::decode(set).unwrap());
        let files = sets.iter().flat_map(|set| &set.file);
        let methods: Vec<_> = files
            .flat_map(|file| &file.service)
            .flat_map(|service| &service.method)
            .collect();
        for costly in COSTLY.iter().flat_map(|(methods, _)| *methods) {
            assert!(
                methods.iter().any(|method| method.name() == *costly),
                "{costly}"
            );
        }
        for method in methods {
            let path = format!("/s/{}", method.name());
            let several = !matches!(
                MessageForm::of(&path),
                MessageForm::One | MessageForm::Paths
            );
            assert_eq!(several, method.client_streaming(), "{path}");
        }
    }

    const SIZE: &str = "/cellftp.v1.FtpsService/GetSize";
    const QUEUE: &str = "/cellftp.v1.OperationService/ListOperations";

    /// Begins calls until one is refused. Answers with the calls and the refusal.
    fn enter(limits: &CallLimits, info: &ConnectionInfo, path: &str) -> (Vec<CallPlaces>, Status) {
        let mut held = Vec::new();
        loop {
            match limits.enter(info, path) {
                Ok(place) => held.push(place),
                Err(status) => return (held, status),
            }
        }
    }

    #[test]
    fn who_has_all_its_calls_is_told_to_come_later_and_others_are_let_in() {
        let limits = CallLimits::new(&Limits {
            calls: Share {
                in_all: 8,
                of_one: 4,
            },
            ..Limits::default()
        });
        let (me, other) = (
            ConnectionInfo::new(Peer::Tcp, None),
            ConnectionInfo::new(Peer::User(7), None),
        );
        let (held, refused) = enter(&limits, &me, SIZE);
        assert_eq!((held.len(), refused.code()), (4, Code::Unavailable));
        assert!(refused.get_details_retry_info().is_some());
        limits.enter(&other, SIZE).unwrap();
        drop(held);
        limits.enter(&me, SIZE).unwrap();
    }

    #[test]
    fn few_calls_that_cost_more_are_let_in() {
        let limits = CallLimits::new(&Limits::default());
        let me = ConnectionInfo::new(Peer::Tcp, None);
        let (queue, refused) = enter(&limits, &me, QUEUE);
        assert_eq!((queue.len(), refused.code()), (8, Code::Unavailable));
        let of = |method| format!("/cellftp.v1.TransferService/{method}");
        let (uploads, refused) = enter(&limits, &me, &of("CreateUpload"));
        assert_eq!((uploads.len(), refused.code()), (64, Code::Unavailable));
        assert!(
            limits.enter(&me, &of("ReadTransfer")).is_err(),
            "the same files"
        );
        let (watches, refused) = enter(&limits, &me, &of("WatchTransfer"));
        assert_eq!((watches.len(), refused.code()), (64, Code::Unavailable));
        limits.enter(&me, SIZE).unwrap();
    }
}
