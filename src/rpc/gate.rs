//! The one place that lets a call in or turns it away.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use tonic::Status;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::role::{Need, Roles, need};
use super::{auth, status};

/// Turns calls away whose caller does not have what the method needs, before anything of them is
/// read.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    roles: Arc<Roles>,
}

impl Gate {
    pub(super) fn new(roles: Roles) -> Self {
        Self {
            roles: Arc::new(roles),
        }
    }

    fn look<B>(&self, request: &Request<B>) -> Result<(), Status> {
        let path = request.uri().path();
        let need = need(path).ok_or_else(status::no_such_method)?;
        if need == Need::Nothing {
            return Ok(());
        }
        let principal = auth::principal(request.extensions())?;
        match need {
            Need::Role(role) if !self.roles.has(&principal, role) => {
                let method = path.rsplit('/').next().unwrap_or_default();
                Err(status::role_required(&principal, method, role))
            }
            Need::Nothing | Need::Name | Need::Role(_) => Ok(()),
        }
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated {
            inner,
            gate: self.clone(),
        }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub(super) struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S, B, A> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    A: Default,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<A>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.gate.look(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}
