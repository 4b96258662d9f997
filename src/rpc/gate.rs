//! The one place that admits a call or refuses it.

use std::future::ready;
use std::task::{Context, Poll};

use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::codegen::http::{Request, Response};
use tower::{Layer, Service};

use super::call::ServiceFuture;
use super::closing::{Closable, Closing};
use super::connection_info::principal;
use super::permission::{Need, need};
use super::role::Roles;
use super::{require, status};

/// Refuses a call whose caller does not have what the method needs, before anything of the call is read.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    roles: Roles,
    closing: Closing,
}

impl Gate {
    pub(super) fn new(roles: Roles, closing: Closing) -> Self {
        Self { roles, closing }
    }

    /// Answers with a token that makes the server wait for the call at shutdown. Only calls that do work have
    /// one. Calls that only look at something, or end something, are admitted to the last.
    fn look<B>(&self, request: &Request<B>) -> Result<Option<TaskTrackerToken>, Status> {
        let path = request.uri().path();
        let need = need(path).ok_or_else(status::no_such_method)?;
        if need == Need::Nothing {
            return Ok(None);
        }
        let principal = principal(request.extensions())?;
        require::check(request.headers())?;
        match need {
            Need::Role(role) if !self.roles.has(&principal, role) => {
                let method = path.rsplit('/').next().unwrap_or_default();
                Err(status::role_required(&principal, method, role))
            }
            Need::Role(_) => self.closing.enter().map(Some),
            Need::Nothing | Need::Name => Ok(None),
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

/// A service whose calls the gate has admitted.
#[derive(Debug, Clone)]
pub(super) struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S, B, A> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: Default + Send + 'static,
{
    type Response = Response<Closable<A>>;
    type Error = S::Error;
    type Future = ServiceFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let closing = self.gate.closing.clone();
        let told = |closing: &Closing, status: Status| {
            let answer: Response<A> = status.into_http();
            answer.map(|inner| closing.answer(inner, None))
        };
        match self.gate.look(&request) {
            Ok(token) => {
                let answer = self.inner.call(request);
                Box::pin(async move {
                    tokio::select! {
                        biased;
                        response = answer => {
                            Ok(response?.map(|inner| closing.answer(inner, token)))
                        }
                        () = closing.last_word.cancelled() => Ok(told(&closing, status::cut_off())),
                    }
                })
            }
            Err(status) => Box::pin(ready(Ok(told(&closing, status)))),
        }
    }
}
